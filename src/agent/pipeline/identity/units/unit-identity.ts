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
  /** The program that the unit's command starts, where it is another one and known. */
  readonly main?: string | undefined
}

/** Its version: what the packages and files have that say what it runs. */
export function unitIdentity(facts: UnitFacts): ContainerIdentity {
  const { id, unit, root, files, database, replaced, main } = facts
  const [command = []] = files.commands
  const named = programsWithoutPackage(facts)
  const ownerNow = (program: string): Package | undefined => {
    const running = replaced.get(program)
    if (running === undefined) return ownerOf(database, program)
    named.set(program, running)
    return undefined
  }
  const first = ownerNow(realPath(root, command[0] ?? '') ?? '')
  const owner = main === undefined ? first : ownerNow(main)
  const digest = digestOf(first, owner, files, named)
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
    entrypoint: command,
    declaredUser: files.user,
    ...(uid === undefined ? {} : { user: uid }),
    initInjected: false,
    addresses: [],
    mounts: [],
    host: { root, programs: Object.fromEntries(named) },
  }
}

type Commands = Pick<UnitFacts, 'root' | 'files' | 'scriptOf'>

/** The files of the programs and scripts that the unit names. */
export function namedPrograms({ root, files, scriptOf }: Commands): ReadonlySet<string> {
  const code = files.commands.flatMap((words) => [words[0], scriptOf(words[0] ?? '', words)])
  const paths = code.map((word) =>
    word?.startsWith('/') === true ? realPath(root, word) : undefined,
  )
  return new Set(paths.filter((path) => path !== undefined))
}

/** Those that no package ships. */
function programsWithoutPackage(facts: UnitFacts): Map<string, string> {
  const { root, database } = facts
  const named = new Map<string, string>()
  for (const path of namedPrograms(facts)) {
    if (ownerOf(database, path) !== undefined) continue
    const sum = sha256OfFile(`${root}${path}`)
    if (sum !== undefined) named.set(path, sum)
  }
  return named
}

function ownerOf(database: PackageDatabase | undefined, path = ''): Package | undefined {
  return database?.find(path)?.package
}

/** The path of a regular file below the root, by its links; undefined where there is none. */
export function realPath(root: string, path: string): string | undefined {
  try {
    const found = findInLayers([root], path, true)
    return found?.stats.isFile() === true ? found.path.slice(root.length) : undefined
  } catch {
    return undefined
  }
}

function digestOf(
  first: Package | undefined,
  main: Package | undefined,
  { files }: UnitFiles,
  named: ReadonlyMap<string, string>,
): string {
  const parts = {
    package: wordsOf(first),
    ...(main?.name === first?.name ? {} : { main: wordsOf(main) }),
    files: files.map(({ path, text }) => [path, sha256(text)]),
    programs: [...named].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
  return `sha256:${sha256(JSON.stringify(parts))}`
}

function wordsOf(owner: Package | undefined): readonly string[] | null {
  return owner === undefined ? null : [owner.name, owner.version, owner.architecture]
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
export function processesOf(folder: string): readonly number[] {
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
