import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import mimeDb from 'mime-db/db.json' with { type: 'json' }
import mimeDbPackage from 'mime-db/package.json' with { type: 'json' }
import { parse } from 'yaml'
import { compareText } from '../src/core/compare-text.ts'

/**
 * `npm run file-kinds` writes `src/core/match/file-kinds.ts`: what a file is by the end of its name, from data that
 * others keep. Debian's packages and npm's `mime-db` give it; their versions are in the file.
 *
 * - `executable`: the desktop's list of programs (shared-mime-info).
 * - `interpreted`: languages and markup of GitHub's linguist, and scripts of the desktop's list.
 * - `configuration`: data languages of linguist that are no registered text.
 * - `data`: registered documents and text, pictures, sound, video and fonts that are none of these.
 */
interface Language {
  readonly type: 'programming' | 'markup' | 'data' | 'prose'
  readonly extensions?: readonly string[]
}

interface MediaType {
  readonly name: string
  readonly icon: string
  readonly kinds: readonly string[]
}

const isDocument = ({ name, icon }: MediaType): boolean =>
  /^(image|audio|video|font)-x-generic$/.test(icon) ||
  (icon.startsWith('x-office-') && !name.includes('/x-'))
/** A kind as a name's end gives it: `nameKind` of `place-class.ts`. */
const isKind = (kind: string): boolean => /^\.[a-z][a-z0-9]{0,4}$/.test(kind)

function mediaTypes(xml: string): readonly MediaType[] {
  return [...xml.matchAll(/<mime-type type="([^"]+)">(.*?)<\/mime-type>/gs)].map(
    ([, name = '', body = '']) => ({
      name,
      icon:
        /<generic-icon name="([^"]+)"/.exec(body)?.[1] ??
        `${name.slice(0, name.indexOf('/'))}-x-generic`,
      kinds: [...body.matchAll(/<glob [^>]*pattern="\*(\.[^"]+)"/g)].map(([, kind = '']) => kind),
    }),
  )
}

function kindsOf(
  types: readonly MediaType[],
  languages: readonly Language[],
  plain: readonly string[],
): Readonly<Record<string, ReadonlySet<string>>> {
  const inTypes = (isWanted: (type: MediaType) => boolean): readonly string[] =>
    types.filter(isWanted).flatMap(({ kinds }) => kinds)
  const inLanguages = (...wanted: readonly Language['type'][]): readonly string[] =>
    languages.flatMap(({ type, extensions = [] }) => (wanted.includes(type) ? extensions : []))
  const isText = ({ icon }: MediaType): boolean => icon === 'text-x-generic'
  const registered = inTypes(({ name }) => /^(text|message)\/(?!x-)/.test(name))
  const noted = inTypes(isText).filter((kind) => plain.includes(kind.slice(1)))
  const lists = {
    executable: inTypes(({ icon }) => icon === 'application-x-executable'),
    interpreted: [
      ...inLanguages('programming', 'markup'),
      ...inTypes(({ icon }) => icon === 'text-x-script'),
    ],
    documents: inTypes(isDocument),
    text: [...registered, ...noted, ...inLanguages('prose')],
    configuration: inLanguages('data'),
  }
  // Of two classes the first one counts: an end of both code and pictures is that of code.
  const taken = new Set<string>()
  return Object.fromEntries(
    Object.entries(lists).map(([name, kinds]) => {
      const own = kinds.map((kind) => kind.toLowerCase()).filter((kind) => isKind(kind))
      const fresh = new Set(own.filter((kind) => !taken.has(kind)))
      for (const kind of fresh) taken.add(kind)
      return [name, fresh]
    }),
  )
}

function wrapped(kinds: readonly string[]): string {
  const lines: string[] = ['']
  for (const kind of kinds.toSorted(compareText)) {
    const line = lines.at(-1) ?? ''
    if (line.length + kind.length > 95) lines.push(kind)
    else lines[lines.length - 1] = line === '' ? kind : `${line} ${kind}`
  }
  return lines.join('\n  ')
}

const folder = mkdtempSync('/tmp/snug-file-kinds-')
try {
  const packages = ['shared-mime-info', 'ruby-github-linguist']
  execFileSync('apt-get', ['-q', 'download', ...packages], { cwd: folder, stdio: 'ignore' })
  const debs = readdirSync(folder)
  for (const deb of debs) execFileSync('dpkg', ['-x', deb, 'root'], { cwd: folder })
  const files = execFileSync(
    'find',
    ['root', '-name', 'freedesktop.org.xml', '-o', '-name', 'languages.yml'],
    { cwd: folder, encoding: 'utf8' },
  )
    .trim()
    .split('\n')
  const read = (end: string): string =>
    readFileSync(join(folder, files.find((file) => file.endsWith(end)) ?? end), 'utf8')
  const languages = Object.values(parse(read('.yml')) as Readonly<Record<string, Language>>)
  const classes = kindsOf(mediaTypes(read('.xml')), languages, mimeDb['text/plain'].extensions)
  const { executable = [], interpreted = [], configuration = [] } = classes
  const data = [...(classes['documents'] ?? []), ...(classes['text'] ?? [])]
  const sources = [
    ...debs.map((deb) => deb.replace(/_[^_]*$/, '').replace('_', ' ')),
    `mime-db ${mimeDbPackage.version}`,
  ]
  const lists = { executable, interpreted, configuration, data }
  writeFileSync(
    fileURLToPath(new URL('../src/core/match/file-kinds.ts', import.meta.url)),
    `/** Made by \`deploy/file-kinds.ts\` from ${sources.toSorted(compareText).join(', ')}. */
export const fileKinds = {
${Object.entries(lists)
  .map(([name, kinds]) => `  ${name}: \`\n  ${wrapped([...kinds])}\`,`)
  .join('\n')}
} as const
`,
  )
} finally {
  rmSync(folder, { recursive: true, force: true })
}
