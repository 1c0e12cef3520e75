import { unitFolders } from '../../../../support/unit-folders.ts'
import { listImageFolder, readImageFile } from '../image-text.ts'

/** What is read of a unit's files. */
export interface UnitFiles {
  /** The unit's file first, then its drop-ins, in the order in which they apply. */
  readonly files: readonly { readonly path: string; readonly text: string }[]
  /** `User=`; empty: root. */
  readonly user: string
  /** `Type=forking`: the command starts the main program and ends. */
  readonly forks: boolean
  /** Words of the commands that the unit runs, the main program's first. */
  readonly commands: readonly (readonly string[])[]
}

/** Of an honest unit. More is not read. */
const mostDropIns = 64
const mostCommands = 32

/** The unit's files below `root`; undefined where it has none. */
export function unitFiles(root: string, unit: string): UnitFiles | undefined {
  const template = unit.replace(/@.*\./, '@.')
  const own = [unit, template].flatMap((name) => unitFolders.map((folder) => `${folder}/${name}`))
  const found = firstFile(root, own)
  if (found === undefined) return undefined
  const files = [found, ...dropIns(root, unit, template)]
  const settings = files.flatMap(({ text }) => settingsOf(text))
  const last = (name: string): string => settings.findLast(([key]) => key === name)?.[1] ?? ''
  const user = last('User')
  const forks = last('Type') === 'forking'
  return { files, user: user === 'root' ? '' : user, forks, commands: commandsOf(settings) }
}

type Found = UnitFiles['files'][number]

function firstFile(root: string, paths: readonly string[]): Found | undefined {
  for (const path of paths) {
    const text = readImageFile([root], path)
    if (text !== undefined) return { path, text }
  }
  return undefined
}

/** One of the same name in a more important folder replaces the others. They apply by name. */
function dropIns(root: string, unit: string, template: string): readonly Found[] {
  const byName = new Map<string, string>()
  for (const name of dropInNames(unit, template)) {
    for (const folder of unitFolders) {
      for (const file of listImageFolder([root], `${folder}/${name}.d`)) {
        if (file.endsWith('.conf') && !byName.has(file))
          byName.set(file, `${folder}/${name}.d/${file}`)
      }
    }
  }
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, mostDropIns)
  return sorted.flatMap(([, path]) => {
    const text = readImageFile([root], path)
    return text === undefined ? [] : [{ path, text }]
  })
}

/** `a-b-c.service` has drop-ins in the folders of `a-b-.service`, `a-.service` and `service` too. */
function dropInNames(unit: string, template: string): readonly string[] {
  const stem = unit.slice(0, -'.service'.length)
  const dashes = [...stem.matchAll(/-/g)].map(({ index }) => index).reverse()
  const prefixes = dashes.map((at) => `${stem.slice(0, at + 1)}.service`)
  return [...new Set([unit, template, ...prefixes, 'service'])]
}

type Setting = readonly [key: string, value: string]

/** Of all sections: no setting that is read here is in two. */
function settingsOf(text: string): readonly Setting[] {
  // A comment does not end a line that goes on behind it.
  const lines = text
    .replaceAll(/^\s*[#;].*\n/gm, '')
    .replaceAll('\\\n', ' ')
    .split('\n')
  return lines.flatMap((line): Setting[] => {
    const [, key, value] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    return key === undefined || value === undefined ? [] : [[key, value]]
  })
}

/** An empty value takes back what came before it. */
function commandsOf(settings: readonly Setting[]): UnitFiles['commands'] {
  const byKey = new Map<string, string[]>([['ExecStart', []]])
  for (const [key, value] of settings) {
    if (!key.startsWith('Exec') || key === 'ExecSearchPath' || key === 'ExecPaths') continue
    if (value === '') byKey.set(key, [])
    else byKey.set(key, [...(byKey.get(key) ?? []), value])
  }
  return [...byKey.values()].flat().slice(0, mostCommands).map(wordsOf)
}

/** Without the marks before the program, and quotes. What systemd puts in for variables is not known here. */
function wordsOf(command: string): readonly string[] {
  const words = command.match(/"[^"]*"|'[^']*'|\S+/g) ?? []
  return words.map((word, at) => {
    const plain = word.replace(/^(["'])(.*)\1$/, '$2')
    return at === 0 ? plain.replace(/^[-@:+!|]+/, '') : plain
  })
}
