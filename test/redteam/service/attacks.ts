import type { Random } from '../../fixtures/name-makers.ts'

/** A step of `service.c`: its name and its words. */
export type Step = readonly [name: string, ...words: readonly string[]]
/** Steps of one process: what comes after a step that is stopped does not happen. */
export type Request = readonly Step[]

/** A container as it is seen from outside. */
export interface Outside {
  content(path: string): string
  owner(path: string): number | undefined
  received(text: string): boolean
}

/** A part of an attack that is judged by itself. */
export interface Stage {
  readonly requests: readonly Request[]
  /** The command of a session from outside, which comes first. */
  readonly session?: string
  readonly hasEffect: (seen: Outside) => boolean
  /** Each of these, in a record, names what was attacked. */
  readonly objects: readonly string[]
  /** Whether block mode stops it by every family of hooks: see *What blocking stops* in the threat model. */
  readonly isStopped: boolean
  readonly afterRestart?: boolean
}

export interface Attack {
  readonly text: string
  readonly stages: readonly Stage[]
}

/** Where an attack happens. Attacks that share a container have separate slots. */
export interface Target {
  readonly slot: number
  readonly random: Random
  /** Content of files that the attacker brings along. */
  readonly brought: { readonly loader: string; readonly program: string }
  readonly peer: { readonly name: string; readonly port: number }
  /** An address that the service never reached. */
  readonly foreign: string
}

export const uploads = '/srv/data/uploads'
export const webUser = 101
export const settingsOf = (slot: number): string => `/etc/app/part${slot}.conf`
export const scriptOf = (slot: number): string => `/app/jobs/job${slot}.sh`
export const programOf = (slot: number): string => `/app/tools/tool${slot}`
export const loaderOf = (slot: number): string => `/lib/ld-app${slot}.so`
export const run = (...words: readonly string[]): Step => ['feed', '', ...words]
const evilScript = '#!/bin/sh\necho evil > $1\n'

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T
}

const syllables = 'ba de fi go lu ma ne pi ro su ta ve wi zo'.split(' ')

/** Names as the service makes them up. */
export class Names {
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  #drawn(parts: readonly string[], count = 8): string {
    return Array.from({ length: count }, () => pick(this.#random, parts)).join('')
  }

  /** Unlike random digits, it is no variable part of a name: acts that differ in it are different behaviours. */
  word(): string {
    return this.#drawn(syllables, 5)
  }

  mark(): string {
    return this.#drawn('0123456789abcdef'.split(''))
  }

  item(): string {
    return `${uploads}/item-${this.mark()}.txt`
  }

  temporary(): string {
    return `/tmp/tmp${this.#drawn('abcdefghijklmnopqrstuvwxyz0123456789'.split(''))}`
  }
}

interface File {
  readonly folder: string
  readonly base: string
  readonly path: string
  readonly content: string
  /** Names that the service could have given. */
  readonly alias: string
  readonly item: string
}

/** How a file of the image gets other content. */
const changes: Readonly<Record<string, (file: File) => Request>> = {
  put: ({ path, content }) => [['put', path, content]],
  dots: ({ path, content }) => [['put', `/tmp/..${path}`, content]],
  'put-opened': ({ path, content }) => [['put-opened', path, content]],
  link: ({ path, alias, content }) => [
    ['link', path, alias],
    ['put', alias, content],
  ],
  'link-opened': ({ path, alias, content }) => [
    ['link-opened', path, alias],
    ['put', alias, content],
  ],
  symlink: ({ path, alias, content }) => [
    ['symlink', path, alias],
    ['put', alias, content],
  ],
  rename: ({ path, alias, content }) => [
    ['put', alias, content],
    ['rename', alias, path],
  ],
  'rename-away': ({ path, alias, content }) => [
    ['rename', path, alias],
    ['put', alias, content],
    ['rename', alias, path],
  ],
  exchange: ({ path, alias, content }) => [
    ['put', alias, content],
    ['exchange', alias, path],
  ],
  'bind-file': ({ path, alias, content }) => [
    ['put', alias, content],
    ['bind', alias, path],
  ],
  'bind-folder': ({ folder, base, item, content }) => [
    ['mkdir', item],
    ['bind', folder, item],
    ['put', `${item}/${base}`, content],
  ],
  'bind-over': ({ path, alias, content }) => [
    ['put', alias, ''],
    ['bind', path, alias],
    ['put', alias, content],
  ],
}

/** How a new file gets its name. */
const plants: Readonly<Record<string, (file: File) => Request>> = {
  put: ({ path, content }) => [['put', path, content]],
  dots: ({ path, content }) => [['put', `/tmp/..${path}`, content]],
  'rename-beside': ({ path, item, content }) => [
    ['put', item, content],
    ['rename', item, path],
  ],
  'rename-temporary': ({ path, alias, content }) => [
    ['put', alias, content],
    ['rename', alias, path],
  ],
  'link-beside': ({ path, item, content }) => [
    ['put', item, content],
    ['link', item, path],
  ],
  unnamed: ({ folder, path, content }) => [['put-unnamed', folder, path, content]],
  exchange: ({ path, item, content }) => [
    ['put', item, content],
    ['put', path, ''],
    ['exchange', item, path],
  ],
  symlink: ({ path, alias, content }) => [
    ['symlink', path, alias],
    ['put', alias, content],
  ],
  'bind-folder': ({ folder, base, alias, content }) => [
    ['mkdir', alias],
    ['bind', folder, alias],
    ['put', `${alias}/${base}`, content],
  ],
}

/** Tracepoints report names and mounts once they are given: block mode stops only what needs more than that. */
const isOnlyNamed: ReadonlySet<string> = new Set(
  'link link-opened rename rename-away exchange bind-file rename-beside rename-temporary link-beside unnamed'.split(
    ' ',
  ),
)

/** Mounts are one alert, which names them or the shape of their names. What is below such a name has this name only. */
function mountsOf(way: string, { alias }: File): readonly string[] {
  if (!way.startsWith('bind-')) return []
  return [`call mount ${alias}`, 'call mount /tmp/<temp', `call mount ${uploads}/item-<`]
}

/** How a shell gets its code. */
const shells: Readonly<Record<string, (code: string, file: string) => Request>> = {
  code: (code) => [run('/bin/sh', '-c', code)],
  'code-after-dashes': (code) => [run('/bin/sh', '-c', '--', code)],
  'code-by-option': (code) => [run('/bin/sh', '-xc', code)],
  applet: (code) => [run('/bin/busybox', 'sh', '-c', code)],
  input: (code) => [['feed', `${code}\n`, '/bin/sh']],
  file: (code, file) => [['put', file, `${code}\n`], run('/bin/sh', file)],
}

/** The service makes ever new names in the first one. It runs no code from any. */
const folders = [uploads, `${uploads}/sub`, '/srv/www', '/var/lib/app']
/** Of files that programs run or obey. */
const endings = [
  ...'php phtml phar pht jsp asp aspx cgi pl pm py pyc rb erb lua sh js mjs ts tcl shtml'.split(
    ' ',
  ),
  ...'so jar war class exe dll conf ini yml yaml toml service'.split(' '),
]
const wholeNames = ['.htaccess', '.bashrc', '.env', '.user.ini']

interface Trick {
  readonly text: string
  readonly stages: (target: Target, names: Names) => readonly Stage[]
}

function entries<T>(of: Readonly<Record<string, T>>): readonly (readonly [string, T])[] {
  return Object.entries(of)
}

function fileOf(path: string, content: string, names: Names): File {
  const at = path.lastIndexOf('/')
  return {
    folder: path.slice(0, at),
    base: path.slice(at + 1),
    path,
    content,
    alias: names.temporary(),
    item: names.item(),
  }
}

function changed(way: string, file: File): Stage {
  const { path, content, alias, item } = file
  const printed = content.replace(
    /[^]/g,
    (byte) => `\\${byte.charCodeAt(0).toString(8).padStart(3, '0')}`,
  )
  const change = changes[way]?.(file)
  return {
    requests: change === undefined ? [] : [change],
    ...(change === undefined && { session: `printf '${printed}' > ${path}` }),
    hasEffect: (seen) => seen.content(path).startsWith(content),
    objects: [path, alias, item, ...mountsOf(way, file)],
    isStopped: !isOnlyNamed.has(way),
  }
}

function ran(requests: readonly Request[], item: string, objects: readonly string[]): Stage {
  const hasEffect = (seen: Outside): boolean => seen.content(item).startsWith('evil')
  return { requests, hasEffect, objects, isStopped: true }
}

/** What the service runs is changed, and does something else when it runs. */
const replaced = {
  script: ({ slot }: Target) => ({ path: scriptOf(slot), content: evilScript, by: scriptOf(slot) }),
  program: ({ slot, brought }: Target) => ({
    path: programOf(slot),
    content: brought.program,
    by: programOf(slot),
  }),
  loader: ({ slot, brought }: Target) => ({
    path: loaderOf(slot),
    content: brought.loader,
    by: programOf(slot),
  }),
}

/** Groups, of which each is as likely as the others. */
const tricks: readonly (readonly Trick[])[] = [
  [...Object.keys(changes), 'session'].flatMap((way): readonly Trick[] => [
    {
      text: `changes settings by ${way}`,
      stages: ({ slot }, names) => [
        changed(way, fileOf(settingsOf(slot), `mode = ${names.mark()}\n`, names)),
      ],
    },
    ...entries(replaced).flatMap(([what, of]) =>
      [false, true].map((afterRestart) => ({
        text: `replaces the ${what} by ${way}${afterRestart ? ' before a restart' : ''}`,
        stages: (target: Target, names: Names): readonly Stage[] => {
          const { path, content, by } = of(target)
          const [change, item] = [changed(way, fileOf(path, content, names)), names.item()]
          const objects = [`${by} (not from`, `${by}) (not from`, `map for execution ${path}`]
          const use = ran([[run(by, item)]], item, objects)
          return [change, { ...use, afterRestart }]
        },
      })),
    ),
  ]),
  entries(plants).flatMap(([way, plant]) =>
    folders.map((folder) => ({
      text: `plants a file in ${folder} by ${way}`,
      stages: ({ random }: Target, names: Names): readonly Stage[] => {
        const word = names.word()
        const isWhole = random() < 0.2
        const at = isWhole ? `${folder}/${word}` : folder
        const base = isWhole ? pick(random, wholeNames) : `page-${word}.${pick(random, endings)}`
        const file = fileOf(`${at}/${base}`, `planted ${word}\n`, names)
        const planted: Stage = {
          requests: [...(isWhole ? [[['mkdir', at]] as const] : []), plant(file)],
          hasEffect: (seen) => seen.content(file.path) === file.content,
          objects: [word, ...mountsOf(way, file)],
          isStopped: !isOnlyNamed.has(way),
        }
        return [planted]
      },
    })),
  ),
  [
    {
      text: 'runs a script by a path that reads as that of another one',
      stages: ({ slot }, names) => {
        const [root, link, item] = [names.temporary(), names.temporary(), names.item()]
        const made = ['', '/b', '/b/c', '/app', '/app/jobs'].map(
          (below): Step => ['mkdir', root + below],
        )
        const steps: Request = [
          ...made,
          ['symlink', `${root}/b/c`, link],
          ['put', root + scriptOf(slot), evilScript],
          run(`${link}/../..${scriptOf(slot)}`, item),
        ]
        return [ran([steps], item, [root, link])]
      },
    },
    ...['nobody', 'udp', 'tcp'].flatMap((way) =>
      ['127.0.0.11', '127.0.0.1', '127.0.0.53'].map((source) => ({
        text: `reaches a peer that ${way === 'nobody' ? way : `${source} by ${way}`} named`,
        stages: ({ peer, foreign }: Target, names: Names): readonly Stage[] => {
          const text = names.mark()
          const forged: Request = [['forge', way, source, peer.name, foreign]]
          const reach: Request = [['connect', foreign, String(peer.port), text]]
          const reached: Stage = {
            requests: way === 'nobody' ? [reach] : [forged, reach],
            hasEffect: (seen) => seen.received(text),
            objects: [foreign],
            isStopped: true,
          }
          return [reached]
        },
      })),
    ),
    ...entries(shells).map(([way, shell]) => ({
      text: `runs a command by ${way}`,
      stages: (_: Target, names: Names): readonly Stage[] => {
        const [item, word] = [names.item(), names.word()]
        const file = `${uploads}/${word}.txt`
        // What a shell reads from its input is in no record, and the shell without arguments is.
        const objects = way === 'input' ? ['as sh"'] : [word]
        return [ran([shell(`echo evil > ${item} # ${word}`, file)], item, objects)]
      },
    })),
    {
      text: 'takes a user',
      stages: ({ random }, names) => {
        const [item, uid] = [names.item(), 1_900_000_000 + Math.floor(random() * 10_000_000)]
        const taken: Stage = {
          requests: [
            [
              ['become', String(uid)],
              ['put', item, 'mine\n'],
            ],
          ],
          hasEffect: (seen) => seen.owner(item) === uid,
          objects: [String(uid)],
          isStopped: true,
        }
        return [taken]
      },
    },
  ],
]

/** What comes before the act, and is as harmless as what the service does. A process each. */
const before: Readonly<Record<string, (random: Random, names: Names) => readonly Request[]>> = {
  '': () => [],
  'after harmless names': (random, names) => {
    const folder = `${pick(random, folders)}/${names.mark()}`
    const files = Array.from(
      { length: 20 },
      (): Request => [['put', `${folder}/note-${names.mark()}.txt`, 'note\n']],
    )
    return [[['mkdir', folder]], ...files]
  },
  'after harmless commands': (_, names) =>
    Array.from({ length: 20 }, () => [run('/bin/sh', '-c', `echo ${names.mark()}`)]),
}

export function compose(target: Target): Attack {
  const { random } = target
  const names = new Names(random)
  const trick = pick(random, pick(random, tricks))
  const [how, first] = pick(random, entries(before))
  const isWeb = random() < 0.25
  const as: Request = isWeb ? [['become', String(webUser)]] : []
  const text = [trick.text, how, isWeb ? 'as web' : ''].filter((part) => part !== '').join(', ')
  const stages = trick.stages(target, names).map((stage, index) => {
    const requests = [...(index === 0 ? first(random, names) : []), ...stage.requests]
    return { ...stage, requests: requests.map((request) => [...as, ...request]) }
  })
  return { text, stages }
}
