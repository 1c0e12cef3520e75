import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'
import { parse } from 'yaml'
import { outside, shipped } from './bundle-options.ts'
import { type ParsedRules, parsedRulesFile, ruleFiles } from './src/support/config/load-rules.ts'

/**
 * Writes the daemon to `dist/`: each program as a file of its own, and what they share in chunks. A process loads the
 * chunks that it uses, and those behind an `import()` when it needs them. The page is one script. `tsc` writes the types
 * beside it. See docs/adr/0034.
 */
const programs = {
  // Units, images and scripts of others run these paths: they stay, wherever the source is.
  'interfaces/cli/main': 'src/cli/main.ts',
  'interfaces/cli/run-cli': 'src/cli/run-cli.ts',
  'interfaces/kubectl/main': 'src/kubectl/main.ts',
  'interfaces/gateway/main': 'src/gateway/main.ts',
  'interfaces/demo/main': 'src/demo/main.ts',
  // Beside their types.
  'agent/pipeline/sources/public-types': 'src/agent/pipeline/sources/public-types.ts',
  'agent/pipeline/sources/source-suite': 'src/agent/pipeline/sources/source-suite.ts',
}
const page = 'src/page'
const pageFiles = ['index.html', 'icon.svg']

const daemon = await build({
  entryPoints: programs,
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  splitting: true,
  ...shipped,
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
})

mkdirSync('dist/rules', { recursive: true })
for (const name of ruleFiles) {
  const yaml = readFileSync(`profiles/${name}.yaml`, 'utf8')
  const sha256 = createHash('sha256').update(yaml).digest('hex')
  const parsed: ParsedRules = { sha256, value: parse(yaml) }
  writeFileSync(parsedRulesFile(name), JSON.stringify(parsed))
}

/**
 * The page of an agent, and that of the console: each a folder with everything that it needs.
 *
 * @param from has `main.tsx`, and `token-help.html` for its sign-in page
 */
async function browserPage(from: string, to: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: { main: `${from}/main.tsx`, 'sign-in': `${page}/sign-in.ts` },
    outdir: to,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    // As src/page/tsconfig.json has it, for both pages.
    jsx: 'automatic',
    jsxImportSource: 'preact',
    metafile: true,
    logLevel: 'warning',
  })
  for (const file of pageFiles) copyFileSync(join(page, file), join(to, file))
  const help = readFileSync(join(from, 'token-help.html'), 'utf8')
  const signIn = readFileSync(`${page}/sign-in.html`, 'utf8')
  writeFileSync(
    join(to, 'sign-in.html'),
    signIn.replace('<!-- token-help.html -->', () => help),
  )
  return metafile
}

const browser = [
  await browserPage(page, 'dist/interfaces/ui'),
  await browserPage('src/console/page', 'dist/interfaces/ui/console'),
]

interface PackageJson {
  readonly name: string
  readonly version: string
  readonly license?: string
}

/** Folders of the packages of which code came in. */
function foldersOf({ outputs }: Metafile): readonly string[] {
  const used = Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? file : [])),
  )
  return used.flatMap(
    (file) => /^(?:.*[/])?node_modules[/](?:@[^/]+[/])?[^/]+/.exec(file)?.[0] ?? [],
  )
}

const folders = new Set([daemon.metafile, ...browser].flatMap(foldersOf))
const bundled = [...folders].sort().map((folder) => {
  const { name, version, license } = JSON.parse(
    readFileSync(join(folder, 'package.json'), 'utf8'),
  ) as PackageJson
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file))
  const texts = files.map((file) => readFileSync(join(folder, file), 'utf8').trim())
  return { name, version, license, texts }
})
const list = bundled.map(({ name, version, license }) => ({ name, version, license }))
writeFileSync('dist/packages.json', `${JSON.stringify({ bundled: list, outside }, undefined, 1)}\n`)
const notices = bundled.map(({ name, version, license, texts }) =>
  [`${name} ${version}: ${license ?? 'see below'}`, ...texts].join('\n\n'),
)
writeFileSync('dist/licenses.txt', `${notices.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`)
