// Compares the files of a release with those of a build: `compare.mjs RELEASE BUILT`. Prints a line for each file, and for the
// image which layer differs. Where something differs it prints what the builds were made with, and exits with 2.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [release = '', built = ''] = process.argv.slice(2)
const at = (folder, name) => join(folder, name)
const text = (folder, name) => readFileSync(at(folder, name), 'utf8')
const digest = (folder, name) =>
  createHash('sha256')
    .update(readFileSync(at(folder, name)))
    .digest('hex')
const sums = (folder) =>
  new Map(
    text(folder, 'SHA256SUMS')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ [ *]/).toReversed()),
  )

const listed = sums(release)
// What a registry or npm gets, and the signatures, are in no build: SHA256SUMS has the digests of the image.
const beside = readdirSync(built).filter((name) => /\.cdx\.json$|^snug-krew\.yaml$/.test(name))
const names = new Set([...listed.keys(), ...sums(built).keys(), ...beside])

function verdict(name) {
  if (!existsSync(at(release, name))) return 'is not in the release'
  if (!existsSync(at(built, name))) return 'is not in the build'
  const found = digest(release, name)
  const expected = listed.get(name)
  if (expected === undefined && !beside.includes(name)) return 'is not in SHA256SUMS'
  if (expected !== undefined && expected !== found) return 'is not the file that SHA256SUMS lists'
  return found === digest(built, name) ? 'the same' : 'differs from the build'
}

/** Lines of one text that the other one does not have. */
function difference(one, other) {
  const lines = new Set(other.split('\n'))
  return one.split('\n').filter((line) => line !== '' && !lines.has(line))
}

const print = (line) => process.stdout.write(`${line}\n`)
const verdicts = [...names].map((name) => [name, verdict(name)])
for (const [name, is] of verdicts) {
  print(`${name}: ${is}`)
  if (is !== 'differs from the build' || !/\.(?:digests|json|yaml)$/.test(name)) continue
  for (const line of difference(text(release, name), text(built, name))) print(`  release: ${line}`)
  for (const line of difference(text(built, name), text(release, name))) print(`  build:   ${line}`)
}
if (verdicts.some(([, is]) => is !== 'the same')) {
  const made = (folder) => {
    const { buildDefinition } = JSON.parse(text(folder, 'provenance.intoto.json')).predicate
    const { internalParameters, resolvedDependencies } = buildDefinition
    return [
      `node ${internalParameters.node}`,
      ...resolvedDependencies.map((each) => JSON.stringify(each)),
    ]
  }
  const [theirs, ours] = [made(release), made(built)].map((lines) => lines.join('\n'))
  for (const line of difference(theirs, ours)) print(`the release was made with ${line}`)
  for (const line of difference(ours, theirs)) print(`the build was made with ${line}`)
  process.exitCode = 2
}
