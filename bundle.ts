import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build, type Metafile, type Plugin } from 'esbuild'

/**
 * Writes the daemon to `dist/`: each program as a file of its own, and what they share in chunks. A process loads the
 * chunks that it uses, and those behind an `import()` when it needs them. The page is one script. `tsc` writes the types
 * beside it. See docs/adr/0034.
 */
const programs = [
  'src/interfaces/cli/main.ts',
  'src/interfaces/kubectl/main.ts',
  'src/interfaces/cli/run-cli.ts',
  'src/interfaces/gateway/main.ts',
  'src/interfaces/demo/main.ts',
  'src/pipeline/sources/public-types.ts',
  'src/pipeline/sources/source-suite.ts',
]
const page = 'src/interfaces/ui'
const pageFiles = ['index.html', 'icon.svg']

/** These stay packages. `level` has a native module; `sql.js` reads its WebAssembly from its own folder. */
const outside = ['level', 'sql.js']
/** What packages use where it is installed. */
const absent = ['bufferutil', 'utf-8-validate', 'encoding', 'cpu-features', '*.node']

/**
 * Its modules only declare things, and it does not say so. Without that, the agent loads the API classes of all groups.
 */
const declares = /[/]node_modules[/]@kubernetes[/]client-node[/]/

const packages: Plugin = {
  name: 'packages',
  setup(esbuild) {
    esbuild.onResolve({ filter: /^\.|client-node/ }, async ({ path, pluginData, ...from }) => {
      const ofIt = path.includes('client-node') || declares.test(from.importer)
      if (pluginData === packages || !ofIt) return undefined
      const found = await esbuild.resolve(path, { ...from, pluginData: packages })
      return declares.test(found.path) ? { ...found, sideEffects: false } : found
    })
    // Maps of packages name sources that they do not have.
    esbuild.onLoad({ filter: /[/]node_modules[/].*\.[cm]?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8')
      return { contents: text.replace(/^\/\/# sourceMappingURL=.*$/gm, ''), loader: 'js' }
    })
  },
}

/** What packages written for CommonJS expect. */
const banner = `import { createRequire as snugRequire } from 'node:module'
const require = snugRequire(import.meta.url)
const [__filename, __dirname] = [import.meta.filename, import.meta.dirname]`

const daemon = await build({
  entryPoints: programs,
  outbase: 'src',
  outdir: 'dist',
  chunkNames: 'chunks/[name]-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: [...outside, ...absent],
  plugins: [packages],
  banner: { js: banner },
  // Names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
  sourcemap: 'linked',
  sourcesContent: false,
  metafile: true,
  logLevel: 'warning',
})

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
  await browserPage(`${page}/console`, 'dist/interfaces/ui/console'),
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
