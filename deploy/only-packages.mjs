// Removes the packages that are part of the bundle: what remains in node_modules is what dist/packages.json calls
// `outside`, and what those need.
//
//   node only-packages.mjs FOLDER    the folder of dist and node_modules
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const folder = resolve(process.argv[2] ?? '.')
const json = (path) => JSON.parse(readFileSync(path, 'utf8'))
const kept = new Set()

/** Where Node finds it: in the nearest node_modules that has it. */
function find(name, from) {
  for (let at = from; ; at = dirname(at)) {
    const found = join(at, 'node_modules', name)
    if (existsSync(join(found, 'package.json'))) return found
    if (at === folder || at === dirname(at)) return undefined
  }
}

function keep(name, from) {
  const found = find(name, from)
  if (found === undefined || kept.has(found)) return
  kept.add(found)
  const { dependencies = {}, optionalDependencies = {} } = json(join(found, 'package.json'))
  for (const each of Object.keys({ ...dependencies, ...optionalDependencies })) keep(each, found)
}

function namesIn(modules) {
  return readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((one) => `${name}/${one}`) : name,
  )
}

for (const name of json(join(folder, 'dist/packages.json')).outside) keep(name, folder)
const modules = join(folder, 'node_modules')
for (const name of namesIn(modules)) {
  const path = join(modules, name)
  const isKept = [...kept].some((each) => each === path || each.startsWith(`${path}/`))
  // npm's list of what it installed stays: the image's list of contents is made of it.
  if (!isKept && !name.startsWith('.package-lock')) rmSync(path, { recursive: true, force: true })
}
for (const name of readdirSync(modules)) {
  if (name.startsWith('@') && readdirSync(join(modules, name)).length === 0)
    rmSync(join(modules, name), { recursive: true })
}
