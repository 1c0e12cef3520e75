import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** How the texts of a file are found: all of a page, values and comments of YAML, or literals of source code. */
export type TextKind = 'markdown' | 'yaml' | 'source'

export interface Place {
  readonly name: string
  readonly kind: TextKind
  /** Files that belong to the place, as paths from the root of the repository. */
  readonly files: RegExp
  /** Generated pages have long lines: their tables come from the code, and nobody edits them. */
  readonly wrapped?: boolean
  /** Not yet part of `npm run check`; `npm run check:prose -- NAME` checks it all the same. */
  readonly pending?: boolean
}

export interface TextFile {
  readonly path: string
  readonly text: string
}

/** Everything that people read, in the order of the report. The first place that fits a file is its place. */
export const places: readonly Place[] = [
  { name: 'cli', kind: 'markdown', files: /^docs\/reference\/cli\.md$/ },
  { name: 'errors', kind: 'markdown', files: /^docs\/reference\/errors\.md$/ },
  { name: 'reference', kind: 'markdown', files: /^docs\/reference\/.*\.md$/ },
  { name: 'readme', kind: 'markdown', files: /^[A-Z_]+\.md$/, wrapped: true },
  { name: 'evaluation', kind: 'markdown', files: /^docs\/eval\.md$/ },
  { name: 'docs', kind: 'markdown', files: /^docs\/.*\.md$/, wrapped: true },
  { name: 'agent', kind: 'markdown', files: /^agent\/.*\.md$/, wrapped: true },
  {
    name: 'folders',
    kind: 'markdown',
    files: /^(deploy|profiles|test\/corpus|\.github)\/.*\.md$/,
    wrapped: true,
  },
  // Templates of the chart are no YAML.
  { name: 'deploy', kind: 'yaml', files: /^deploy\/(?!helm\/snug\/templates).*\.ya?ml$/ },
  { name: 'guardrails', kind: 'yaml', files: /^profiles\/(frameworks\/)?[^/]*\.yaml$/ },
  {
    name: 'page',
    kind: 'source',
    files: /^src\/(console\/)?page\/.*(?<!\.d)\.tsx?$/,
  },
  {
    name: 'reasons',
    kind: 'source',
    files:
      /^src\/(errors|core\/|engine\/|enforcement\/|fleet\/|state\/|pipeline\/[^s]).*(?<!\.d)\.ts$/,
  },
  { name: 'commands', kind: 'source', files: /^src\/cli\/.*\.ts$/ },
  { name: 'source', kind: 'source', files: /^src\/.*(?<!\.d)\.tsx?$/ },
]

const folders = ['docs', 'agent', 'deploy', 'profiles', 'src', 'test/corpus', '.github'] as const

/** The place that a file belongs to; none for a file whose texts are not checked. */
export function placeOf(path: string): Place | undefined {
  return places.find(({ files }) => files.test(path))
}

/** Every file of every place. `root` ends with a slash. */
export function textFiles(root: string): readonly TextFile[] {
  const nested = folders
    .filter((folder) => existsSync(root + folder))
    .flatMap((folder) =>
      readdirSync(root + folder, { recursive: true, encoding: 'utf8' }).map(
        (name) => `${folder}/${name}`,
      ),
    )
  return [...readdirSync(root), ...nested]
    .filter((path) => placeOf(path) !== undefined)
    .sort()
    .map((path) => ({ path, text: readFileSync(root + path, 'utf8') }))
}
