import { readFile } from 'node:fs/promises'
import type { BuildOptions, Plugin } from 'esbuild'

/** This stays a package, because it has a native module. */
export const outside = ['level']
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

/** How a program of the daemon is bundled. */
export const shipped = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: [...outside, ...absent],
  plugins: [packages],
  banner: { js: banner },
  // Names stay, for stack traces.
  minifySyntax: true,
  minifyWhitespace: true,
} satisfies BuildOptions
