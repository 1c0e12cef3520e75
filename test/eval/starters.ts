import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compareText } from '../../src/core/compare-text.ts'
import { passedOn } from '../../src/core/lifecycle/inheritance.ts'
import { placeClassOf } from '../../src/core/match/place-class.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import type { ProfileDocument } from '../../src/supplychain/export/profile-document.ts'
import type { StarterDocument } from '../../src/supplychain/prior/starter-library.ts'
import { startAgent } from '../fixtures/agent.ts'
import { suite } from './layers.ts'
import { packagesOf, type ServicePackages } from './packages.ts'
import { recordedBatches, recordedImages } from './recording.ts'
import type { Service } from './service.ts'
import { allServices } from './services/all.ts'

/**
 * Writes starter profiles from recordings of development services, one for each service that has packages:
 *
 *   npx tsx test/eval/main.ts --column development --protocol three --no-attacks --record RECORDINGS
 *   npx tsx test/eval/starters.ts RECORDINGS profiles/starters
 *
 * A starter has what programs of the service's own packages do by themselves: files and programs of packages. What
 * depends on who uses them is left out, such as peers, ports, ids of accounts, and folders that no package made.
 */
const [from = '.build/eval-recordings', to = 'profiles/starters'] = process.argv.slice(2)

function starterOf(
  service: Service,
  entries: readonly ProfileEntry[],
  { ownerOf, own }: ServicePackages,
): StarterDocument {
  const isOwn = (path: string): boolean => own.has(ownerOf(path)?.name ?? '')
  const packages: Record<string, string> = {}
  const behaviours = entries.flatMap((entry) => {
    const prior = passedOn({ digest: '', windowDone: true }, entry)
    const { actor, uid, object } = entry
    const program = actor.script ?? actor.exe
    if (prior?.inherited === undefined || !isOwn(program)) return []
    if (!isOfPackages(object, isOwn, (path) => ownerOf(path) !== undefined)) return []
    const { name, version } = ownerOf(program) ?? { name: '', version: '' }
    packages[name] = version
    const as = uid === 0 ? ('root' as const) : ('account' as const)
    return [{ actor, as, object, grants: [...prior.inherited.grants] }]
  })
  // One program as several accounts is one program.
  const texts = [...new Set(behaviours.map((one) => JSON.stringify(one)))].sort()
  return {
    schema: 'snug.starter/v1',
    name: service.name,
    suite,
    packages: Object.fromEntries(Object.entries(packages).sort(([a], [b]) => compareText(a, b))),
    behaviours: texts.map((text) => JSON.parse(text) as StarterDocument['behaviours'][number]),
  }
}

function isOfPackages(
  object: ProfileEntry['object'],
  isOwn: (path: string) => boolean,
  isOfAny: (path: string) => boolean,
): boolean {
  if (object.kind === 'capability') return true
  if (object.kind === 'exec') {
    const plain = object.drift === undefined && object.socketStdio === undefined
    return plain && object.args === undefined && isOwn(object.script ?? object.path)
  }
  const isHeld = (path: string): boolean => {
    const place = placeClassOf(path)
    return place === 'temporary' || (place === 'data' && isOwn(folderOf(path)))
  }
  if (object.kind === 'connect' && object.protocol === 'unix') return isHeld(object.peer)
  if (object.kind === 'listen' && object.protocol === 'unix') return isHeld(object.address)
  if (object.kind !== 'file' || object.access === 'exec') return false
  return [object.path, ...(object.to === undefined ? [] : [object.to])].every((path) => {
    const place = placeClassOf(path)
    if (place === 'secret') return false
    if (object.access !== 'read') return isHeld(path)
    return /^\/(proc|sys|dev)\//.test(path) || isOfAny(path) || isOfAny(folderOf(path))
  })
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

mkdirSync(to, { recursive: true })
for (const batch of recordedBatches(from)) {
  const folder = mkdtempSync('/tmp/snug-starters-')
  cpSync(join(batch, 'data'), join(folder, 'data'), { recursive: true })
  const config = { sources: ['file:-'], engines: { docker: { socket: 'none' } } }
  const agent = await startAgent({ folder, config })
  try {
    for (const { image } of recordedImages(batch)) {
      const service = allServices.find(({ name }) => image.startsWith(`eval-${name}-three`))
      if (service === undefined || service.packages.length === 0) continue
      const exported = JSON.parse(
        (await agent.cli(['profile', 'export', image])).stdout,
      ) as ProfileDocument
      const starter = starterOf(service, exported.behaviours, await packagesOf(service))
      if (starter.behaviours.length === 0) continue
      const { behaviours, ...head } = starter
      const lines = behaviours.map((one) => `  ${JSON.stringify(one)}`).join(',\n')
      const text = JSON.stringify(head).slice(0, -1)
      writeFileSync(join(to, `${service.name}.json`), `${text},"behaviours":[\n${lines}\n]}\n`)
      process.stdout.write(
        `${service.name}: ${behaviours.length} of ${exported.behaviours.length}\n`,
      )
    }
  } finally {
    await agent[Symbol.asyncDispose]()
  }
}
process.exit()
