import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { JoinedFinding, JoinedScan } from '../../src/ci/scan/join.ts'
import type { PackageUse } from '../../src/supplychain/findings/package-use.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { type OldFinding, oldDebianFindings } from '../fixtures/old-debian.ts'
import {
  filesByPackage,
  lastFile,
  type Opened,
  shopImage,
  startShop,
  watchOpens,
} from '../fixtures/old-service.ts'
import { grypeReport, trivyReport } from '../fixtures/scanner-reports.ts'
import { seedOfRun } from '../fixtures/seed.ts'

/**
 * A Debian image of two years ago with vulnerabilities that were fixed since, run as a service under the sensor.
 * A second witness of the opened files shares nothing with Snug: fanotify, and the image's own dpkg.
 */
const { docker, socket } = sharedEngine()
const image = 'snug-cut-list:11'
const seed = seedOfRun()
const folder = mkdtempSync('/tmp/snug-cut-list-')
const at = (name: string): string => join(folder, name)

let findings: readonly OldFinding[]
let owned: Readonly<Record<string, readonly string[]>>
let opened: Opened
let agent: Agent

beforeAll(async () => {
  findings = await oldDebianFindings()
  const imageId = await shopImage(docker, image)
  writeFileSync(at('trivy.json'), JSON.stringify(trivyReport(findings, image, imageId)))
  writeFileSync(at('grype.json'), JSON.stringify(grypeReport(findings, image, imageId)))
  owned = await filesByPackage(docker, image)

  agent = await startAgent({ docker: socket })
  // The command line finds the engine by the agent's own config.
  vi.stubEnv('SNUG_CONFIG', agent.config)
  await using shop = await startShop(docker, image)
  const witness = await watchOpens(shop.container)
  await shop.drive()
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some(({ object }) => object.includes(lastFile)),
  )
  await shop.kill()
  opened = await witness()
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.containers.running === 0,
  )
})

afterAll(async () => {
  vi.unstubAllEnvs()
  await agent[Symbol.asyncDispose]()
  await docker.getImage(image).remove({ force: true })
  rmSync(folder, { recursive: true, force: true })
})

const scan = (...reports: readonly string[]): Promise<JoinedScan> =>
  agent.json(['scan', image, '--report', ...reports.map(at)])

test('some hundreds of findings are cut to the same list from the report of either scanner, and of both', async () => {
  expect(findings.length).toBeGreaterThan(300)
  const both = await scan('trivy.json', 'grype.json')
  expect(both.findings).toHaveLength(findings.length)
  expect(both.rejected).toBe(0)
  expect(await scan('trivy.json')).toEqual(both)
  expect(await scan('grype.json')).toEqual(both)
  console.log('the cut list', both.counts, both.coverage)
})

test(`each finding is in use, loaded or not seen, as a second witness confirms (seed ${seed})`, async () => {
  const { findings: reported } = await scan('trivy.json')
  const names = [...new Set(reported.map((one) => one.package))]
  const output = names.map((name) => [name, reported.find((one) => one.package === name)?.use])
  const seen = names.map((name) => [name, witnessed(name).use])
  expect(Object.fromEntries(output)).toEqual(Object.fromEntries(seen))

  const [sample = []] = fc.sample(
    fc.shuffledSubarray([...reported], { minLength: 30, maxLength: 30 }),
    { numRuns: 1, seed },
  )
  console.log(['30 findings at random', ...sample.map(row)].join('\n'))
})

interface Witnessed {
  readonly use: PackageUse
  readonly by: string
}

const loader = /\/ld-[^/]+\.so(?:\.\d+)?$/

/** The second witness's record of a package. Python opens the compiled form of a module, not the module. */
function witnessed(name: string): Witnessed {
  const files = new Set(owned[name])
  const own = (paths: Iterable<string>): readonly string[] =>
    [...paths].filter((path) => files.has(sourceOf(path)))
  // The kernel executes a program's loader with it: a library, as the others.
  const [program] = own(opened.executed).filter((path) => !loader.test(path))
  if (program !== undefined) return { use: 'in-use', by: `${program} was executed` }
  const some = own(opened.opened)
  if (some.length > 0) return { use: 'loaded', by: `${some.length} opened, such as ${some[0]}` }
  return { use: 'not-seen', by: `none of ${files.size} files opened` }
}

function sourceOf(path: string): string {
  return path.replace(/\/__pycache__\/([^/]+)\.cpython-\d+(?:\.opt-\d)?\.pyc$/, '/$1.py')
}

function row({ id, package: name, version, use, why }: JoinedFinding): string {
  return `| ${id} | ${name} ${version} | ${use} | ${why} | ${witnessed(name).by} |`
}
