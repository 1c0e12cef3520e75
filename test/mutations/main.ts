import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { mutated } from './applied.ts'
import { type Mutation, mutations } from './table.ts'

/**
 * Breaks Snug as the table says, each time in a copy of the checkout, and runs the test that must fail:
 * `main.ts [--lane fast|random|sensor|system|apart|qemu] [WORD…]`, where each word is a part of a promise. Exits with 1 where a mutation
 * survives.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { lane: { type: 'string' } },
})
const root = fileURLToPath(new URL('../../', import.meta.url))
/** A test that hangs is no test that fails. */
const longestMs = 900_000

interface Report {
  readonly numTotalTests: number
  readonly numFailedTests: number
  readonly testResults: readonly {
    readonly message: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

interface Ran {
  readonly total: number
  /** Names of the failed tests. */
  readonly failed: readonly string[]
  /** Its last lines. */
  readonly output: string
}

function main(): void {
  const chosen = mutations.filter(
    ({ lane, promise }) =>
      (values.lane === undefined || values.lane === lane) &&
      (positionals.length === 0 || positionals.some((word) => promise.includes(word))),
  )
  // Before any test runs: a table that is out of date is a fault of all of it.
  for (const mutation of chosen) mutated(root, mutation)
  const copy = mkdtempSync(join(tmpdir(), 'snug-mutations-'))
  try {
    copyCheckout(copy)
    const whole = new Map<string, number>()
    for (const mutation of chosen) {
      const { caughtBy } = mutation
      if (!whole.has(caughtBy)) whole.set(caughtBy, passing(copy, mutation))
    }
    let survivors = 0
    for (const mutation of chosen) {
      const caught = catchers(copy, mutation, whole.get(mutation.caughtBy) ?? 0)
      if (caught.length === 0) survivors += 1
      const verdict = caught.length === 0 ? 'SURVIVED' : 'caught  '
      const name = caught[0] ?? mutation.caughtBy
      process.stdout.write(`${verdict} ${mutation.promise}\n         ${name}\n`)
    }
    process.stdout.write(`${chosen.length - survivors} of ${chosen.length} mutations caught\n`)
    if (survivors > 0 || chosen.length === 0) process.exitCode = 1
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function copyCheckout(copy: string): void {
  const listed = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const files = execFileSync('git', listed, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  for (const file of files.split('\0').filter((name) => name !== '')) {
    if (!existsSync(join(root, file))) continue
    mkdirSync(dirname(join(copy, file)), { recursive: true })
    copyFileSync(join(root, file), join(copy, file))
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  mkdirSync(join(root, '.build'), { recursive: true })
  symlinkSync(join(root, '.build'), join(copy, '.build'))
}

type Part = 'sensor' | 'daemon'

/** What the test runs of what is built. */
function partsOf({ lane }: Mutation): readonly Part[] {
  if (lane === 'fast' || lane === 'random') return []
  return lane === 'system' ? ['sensor', 'daemon'] : [lane === 'apart' ? 'daemon' : 'sensor']
}

/** Tests import sources of TypeScript themselves; these builds are what they start. */
const builds: Readonly<Record<Part, readonly [string, ...(readonly string[])]>> = {
  sensor: ['make', '-s', '-C', 'agent'],
  daemon: ['npm', 'run', '-s', 'build'],
}

/** Whose sources have changed since it was built. */
const outdated = new Set<Part>(['sensor', 'daemon'])

function build(copy: string, mutation: Mutation): void {
  for (const part of partsOf(mutation)) {
    if (!outdated.delete(part)) continue
    const [command, ...args] = builds[part]
    execFileSync(command, args, { cwd: copy, stdio: ['ignore', 'ignore', 'inherit'] })
  }
}

/** How many tests the file has. @throws where one of them fails without a mutation */
function passing(copy: string, mutation: Mutation): number {
  const { lane, caughtBy } = mutation
  build(copy, mutation)
  const { total, failed, output } = run(copy, lane, caughtBy)
  if (total === 0 || failed.length > 0) {
    throw new Error(`${caughtBy} fails without a mutation: ${failed.join(', ')}\n${output}`)
  }
  return total
}

/** The tests that fail by the mutation. A file that does not even load shows nothing. */
function catchers(copy: string, mutation: Mutation, tests: number): readonly string[] {
  const path = join(copy, mutation.file)
  const changed: Part = mutation.file.startsWith('agent/') ? 'sensor' : 'daemon'
  const sound = readFileSync(path)
  writeFileSync(path, mutated(copy, mutation))
  outdated.add(changed)
  try {
    build(copy, mutation)
    const { total, failed, output } = run(copy, mutation.lane, mutation.caughtBy)
    if (total !== tests) throw new Error(`${mutation.promise}: the mutation is no code:\n${output}`)
    return failed
  } finally {
    writeFileSync(path, sound)
    outdated.add(changed)
  }
}

function run(copy: string, lane: string, file: string): Ran {
  const report = join(copy, 'report.json')
  rmSync(report, { force: true })
  const args = ['vitest', 'run', '--project', lane, file, '--reporter=json', '--bail=1']
  const { stdout, stderr, error } = spawnSync('npx', [...args, `--outputFile=${report}`], {
    cwd: copy,
    encoding: 'utf8',
    timeout: longestMs,
    maxBuffer: 1 << 26,
  })
  const output = `${stdout}\n${stderr}`.slice(-4_000)
  if (error !== undefined) throw new Error(`${file}: ${error.message}\n${output}`)
  if (!existsSync(report)) throw new Error(`${file} gave no report:\n${output}`)
  const { numTotalTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  )
  return { total: numTotalTests, failed, output }
}

main()
