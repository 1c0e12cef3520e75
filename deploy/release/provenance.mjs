// How the files of a release were built, as SLSA describes it: `provenance.mjs FOLDER VERSION` reads SHA256SUMS in the folder,
// and writes an in-toto statement about those files (provenance.intoto.json) and its predicate alone (provenance.json),
// which cosign signs for each artifact. SNUG_BUILT_WITH names the Debian packages of the build.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder = '.', version = ''] = process.argv.slice(2)
const { env } = process
const output = (program, ...args) =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
const homepage = env.SNUG_HOMEPAGE ?? 'https://example.invalid/snug'

/** The commit; in a checkout with changes, that there are some. Nothing in an unpacked archive. */
function source() {
  if (!existsSync('.git')) return []
  const digest = { gitCommit: output('git', 'rev-parse', 'HEAD') }
  const changed = output('git', 'status', '--porcelain') !== ''
  const annotations = changed ? { annotations: { uncommitted: true } } : {}
  return [{ uri: `git+${homepage}`, digest, ...annotations }]
}

function debianPackages() {
  const names = (env.SNUG_BUILT_WITH ?? '').split(/\s+/).filter((name) => name !== '')
  if (names.length === 0) return []
  const lines = output('dpkg-query', '-W', '-f=${Package}\t${Version}\t${Architecture}\n', ...names)
  return lines.split('\n').map((line) => {
    const [name, installed = '', machine] = line.split('\t')
    return { uri: `pkg:deb/debian/${name}@${encodeURIComponent(installed)}?arch=${machine}` }
  })
}

function builder() {
  if (env.GITHUB_ACTIONS !== 'true') return { id: 'urn:snug:builder:make' }
  return { id: `${env.GITHUB_SERVER_URL}/${env.GITHUB_WORKFLOW_REF}` }
}

function invocation() {
  if (env.GITHUB_ACTIONS !== 'true') return {}
  const run = `${env.GITHUB_SERVER_URL}/${env.GITHUB_REPOSITORY}/actions/runs/${env.GITHUB_RUN_ID}`
  return { invocationId: `${run}/attempts/${env.GITHUB_RUN_ATTEMPT}` }
}

const lock = createHash('sha256').update(readFileSync('package-lock.json')).digest('hex')
const predicate = {
  buildDefinition: {
    buildType: 'urn:snug:build:release:v1',
    externalParameters: { version },
    internalParameters: { node: process.version },
    resolvedDependencies: [
      ...source(),
      { name: 'package-lock.json', digest: { sha256: lock } },
      ...debianPackages(),
    ],
  },
  runDetails: {
    builder: builder(),
    // Without the time of the build: the log that has the signature has it, and the same build is the same file.
    metadata: invocation(),
  },
}
const subject = readFileSync(join(folder, 'SHA256SUMS'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => {
    const [sha256, name] = line.split(/ [ *]/)
    return { name, digest: { sha256 } }
  })
const statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject,
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate,
}
const write = (name, value) =>
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 1)}\n`)
write('provenance.json', predicate)
write('provenance.intoto.json', statement)
