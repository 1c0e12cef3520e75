import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { unitRepository } from '../../../../core/event/unit-image.ts'
import { declaredUid } from '../declared-user.ts'
import type { ContainerIdentity } from '../identity.ts'
import { findInLayers } from '../layers.ts'
import { sha256OfFile } from './host-files.ts'
import type { Package, PackageDatabase } from './packaged-files.ts'
import type { UnitFiles } from './unit-files.ts'

/** The script that the arguments of an interpreter name: see `ProgramArguments.script`. */
export type ScriptOf = (program: string, args: readonly string[]) => string | undefined

export interface UnitFacts {
  readonly id: string
  readonly unit: string
  /** The folder that is `/` for the manager of the unit. */
  readonly root: string
  readonly files: UnitFiles
  readonly database: PackageDatabase | undefined
  /** SHA-256 of the programs that processes of the unit run and whose files were replaced, by path. */
  readonly replaced: ReadonlyMap<string, string>
  readonly scriptOf: ScriptOf
}

/** Its version: what the packages and files have that say what it runs. */
export function unitIdentity(facts: UnitFacts): ContainerIdentity {
  const { id, unit, root, files, database, replaced } = facts
  const [main = []] = files.commands
  const program = realPath(root, main[0] ?? '') ?? ''
  const running = replaced.get(program)
  const owner = running === undefined ? ownerOf(database, program) : undefined
  const named = programsWithoutPackage(facts)
  if (running !== undefined) named.set(program, running)
  const digest = digestOf(owner, files, named)
  const uid = declaredUid(files.user, [root])
  return {
    id,
    name: unit,
    image: {
      repository: unitRepository(unit),
      ...(owner === undefined ? {} : { tag: owner.version }),
      digest,
    },
    imageId: digest,
    labels: {},
    entrypoint: main,
    declaredUser: files.user,
    ...(uid === undefined ? {} : { user: uid }),
    initInjected: false,
    addresses: [],
    mounts: [],
    host: { root, programs: Object.fromEntries(named) },
  }
}

/** Programs and scripts that the unit names and no package ships. */
function programsWithoutPackage(facts: UnitFacts): Map<string, string> {
  const { root, files, database, scriptOf } = facts
  const named = new Map<string, string>()
  const code = files.commands.flatMap((words) => [words[0], scriptOf(words[0] ?? '', words)])
  for (const word of code) {
    const path = word?.startsWith('/') === true ? realPath(root, word) : undefined
    if (path === undefined || ownerOf(database, path) !== undefined) continue
    const sum = sha256OfFile(`${root}${path}`)
    if (sum !== undefined) named.set(path, sum)
  }
  return named
}

function ownerOf(database: PackageDatabase | undefined, path = ''): Package | undefined {
  return database?.find(path)?.package
}

/** The path of a regular file below the root, by its links; undefined where there is none. */
function realPath(root: string, path: string): string | undefined {
  try {
    const found = findInLayers([root], path, true)
    return found?.stats.isFile() === true ? found.path.slice(root.length) : undefined
  } catch {
    return undefined
  }
}

function digestOf(
  owner: Package | undefined,
  { files }: UnitFiles,
  named: ReadonlyMap<string, string>,
): string {
  const parts = {
    package: owner === undefined ? null : [owner.name, owner.version, owner.architecture],
    files: files.map(({ path, text }) => [path, sha256(text)]),
    programs: [...named].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
  return `sha256:${sha256(JSON.stringify(parts))}`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** What processes of a unit run although the files were replaced or removed: by path, their SHA-256. */
export function replacedPrograms(folder: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const pid of processesOf(folder)) {
    try {
      const link = `/proc/${pid}/exe`
      if (statSync(link).nlink > 0) continue
      const path = readlinkSync(link).replace(/ \(deleted\)$/, '')
      const sum = found.has(path) ? undefined : sha256OfFile(link)
      if (sum !== undefined) found.set(path, sum)
    } catch {
      // The process ended.
    }
  }
  return found
}

/** Of a cgroup and those below it. */
function processesOf(folder: string): readonly number[] {
  try {
    const own = readFileSync(`${folder}/cgroup.procs`, 'utf8').split('\n').map(Number)
    const below = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .flatMap(({ name }) => processesOf(`${folder}/${name}`))
    return [...own.filter((pid) => pid > 0), ...below]
  } catch {
    return []
  }
}
