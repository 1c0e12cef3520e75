// Writes package.json of the published package: without what only a checkout has, and with those dependencies that are not
// part of the bundle, or that the types of a source name. Type files that nothing leads to are removed.
//
//   node manifest.mjs FOLDER VERSION    in the checkout; FOLDER has dist
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const [folder, version] = process.argv.slice(2)
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))
const {
  private: _private,
  scripts: _scripts,
  devDependencies: _dev,
  ...rest
} = json('package.json')

const reached = new Set()
const needed = new Set(json(join(folder, 'dist/packages.json')).outside)

function follow(file) {
  if (reached.has(file)) return
  reached.add(file)
  for (const [, from] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'([^']+)'/g)) {
    if (from.startsWith('.')) follow(resolve(dirname(file), from.replace(/\.[jt]s$/, '.d.ts')))
    else needed.add(from.split('/', from.startsWith('@') ? 2 : 1).join('/'))
  }
}

for (const { types } of Object.values(rest.exports)) follow(resolve(folder, types))
for (const each of readdirSync(join(folder, 'dist'), { recursive: true })) {
  const path = resolve(folder, 'dist', each)
  if (path.endsWith('.d.ts') && !reached.has(path)) rmSync(path)
}

const { dependencies, optionalDependencies: _optional, ...kept } = rest
const published = {
  ...kept,
  version,
  os: ['linux'],
  cpu: ['x64', 'arm64'],
  files: ['dist', 'profiles', 'agent', 'deploy', 'CHANGELOG.md'],
  dependencies: Object.fromEntries(
    Object.entries(dependencies).filter(([name]) => needed.has(name)),
  ),
}
writeFileSync(join(folder, 'package.json'), `${JSON.stringify(published, undefined, 2)}\n`)
