import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { seedOfRun } from '../fixtures/seed.ts'

/**
 * Fuzzes each target, guided by coverage: `run.ts [--seconds N | --runs N] [TARGET…]`. Prints executions, edges and
 * faults; an input with a fault is printed, and kept in `.build/fuzz/faults`. Exits with 1 where there is one. The
 * inputs follow from `SNUG_SEED`, so that a run can be repeated.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string' }, runs: { type: 'string' }, jobs: { type: 'string' } },
})
const require = createRequire(import.meta.url)
const root = fileURLToPath(new URL('../../', import.meta.url))
const here = join(root, 'test/fuzz')
const out = join(root, '.build/fuzz')
const faults = join(out, 'faults')
const programs = ['commands', 'paths']
const helpers = ['expect-coded.ts', 'edited-json.ts']
const scripts = readdirSync(join(here, 'targets')).flatMap((name) =>
  helpers.includes(name) ? [] : [name.replace(/\.ts$/, '')],
)
/** Where a reader gives promises, the fuzzer waits for each. */
const promised = new Set(['image-archive'])
const seed = seedOfRun()
const longest: Readonly<Record<string, number>> = { commands: 16_384, 'image-archive': 20_480 }

const { dependencies: named } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly dependencies: Readonly<Record<string, string>>
}
const dependencies = Object.keys(named)

interface Result {
  readonly target: string
  readonly runs: number
  readonly edges: number
  readonly seconds: number
  readonly fault: string | undefined
}

async function main(): Promise<void> {
  const wanted = positionals.length > 0 ? positionals : [...programs, ...scripts]
  const wrong = wanted.find((name) => !programs.includes(name) && !scripts.includes(name))
  if (wrong !== undefined) throw new Error(`no such target: ${wrong}`)
  mkdirSync(faults, { recursive: true })
  if (wanted.some((name) => programs.includes(name)))
    execFileSync('make', ['-s', '-C', join(here, 'sensor'), `OUT=${out}`], { stdio: 'inherit' })
  await bundle(wanted.filter((name) => scripts.includes(name)))
  process.stdout.write(`SNUG_SEED=${seed}\n`)
  const left = [...wanted]
  const results: Result[] = []
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const result = await fuzzed(next)
      results.push(result)
      process.stdout.write(lineOf(result))
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs ?? 2) }, worker))
  if (results.some(({ fault }) => fault !== undefined)) process.exitCode = 1
}

function lineOf({ target, runs, edges, seconds, fault }: Result): string {
  const figures = `${String(runs).padStart(10)} executions ${String(edges).padStart(5)} edges`
  return `${target.padEnd(14)} ${figures} ${String(seconds).padStart(5)} s  ${fault ?? 'no fault'}\n`
}

/** The fuzzer instruments what `require` loads, so each target is one such file. */
async function bundle(names: readonly string[]): Promise<void> {
  await build({
    entryPoints: names.map((name) => join(here, `targets/${name}.ts`)),
    outdir: out,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    // Its code is followed too: a schema is where most inputs end.
    external: dependencies.filter((name) => name !== 'zod'),
    logLevel: 'warning',
    define: {
      'import.meta.url': JSON.stringify(
        pathToFileURL(join(root, 'test/fuzz/targets/main.ts')).href,
      ),
    },
  })
}

async function fuzzed(target: string): Promise<Result> {
  const grown = mkdtempSync(join(tmpdir(), `snug-fuzz-${target}-`))
  const dictionary = join(grown, '..', `${target}-${process.pid}.dict`)
  const seeds = join(here, 'corpus', target)
  cpSync(seeds, grown, { recursive: true })
  writeFileSync(dictionary, words(seeds))
  const limit =
    values.runs === undefined ? `-max_total_time=${values.seconds ?? '60'}` : `-runs=${values.runs}`
  const options = [
    limit,
    `-seed=${seed}`,
    `-max_len=${longest[target] ?? 4_096}`,
    `-dict=${dictionary}`,
    `-artifact_prefix=${faults}/${target}-`,
    '-rss_limit_mb=2048',
    '-timeout=10',
    '-print_final_stats=1',
  ]
  const jazzer = join(dirname(require.resolve('@jazzer.js/core')), 'cli.js')
  const [command, args] = programs.includes(target)
    ? [join(out, target), [grown, ...options]]
    : [
        process.execPath,
        [
          jazzer,
          join(out, `${target}.cjs`),
          grown,
          ...(promised.has(target) ? [] : ['--sync']),
          '--disable_bug_detectors=.*',
          '--timeout=10000',
          '--',
          ...options,
        ],
      ]
  const started = Date.now()
  try {
    const { code, text } = await ended(spawn(command, args, { cwd: out }))
    const count = /#(\d+)\s+DONE/.exec(text) ?? /stat::number_of_executed_units:\s+(\d+)/.exec(text)
    const cover = [...text.matchAll(/cov: (\d+)/g)].at(-1)
    if (code === 0 && count === null)
      throw new Error(`${target} did not report: ${text.slice(-2_000)}`)
    const [runs, edges] = [Number(count?.[1] ?? 0), Number(cover?.[1] ?? 0)]
    // Seeds come first: what ran no other input, or saw no code, has shown nothing.
    const seeded = Number(/#(\d+)\s+INITED/.exec(text)?.[1] ?? Infinity)
    const isIdle = runs <= seeded || edges === 0
    const idle = isIdle ? 'FAULT\nit tried its seeds alone, or saw none of the code' : undefined
    return {
      target,
      runs,
      edges,
      seconds: Math.round((Date.now() - started) / 1_000),
      fault: code === 0 ? idle : `FAULT\n${faultOf(text)}`,
    }
  } finally {
    rmSync(grown, { recursive: true, force: true })
    rmSync(dictionary, { force: true })
  }
}

function faultOf(text: string): string {
  const lines = text.split('\n')
  // An input that takes too long is printed after `ALARM`, before the error.
  const at = lines.findIndex((line) => /Uncaught|ALARM:|ERROR:|runtime error/.test(line))
  return lines.slice(Math.max(0, at), at + 25).join('\n')
}

function ended(child: ChildProcess): Promise<{ readonly code: number; readonly text: string }> {
  let text = ''
  const keep = (chunk: Buffer): void => {
    text = (text + chunk.toString('latin1')).slice(-200_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, text }))
  })
}

/** Words of the seeds, so that the fuzzer need not guess the names of members. */
function words(folder: string): string {
  const found = new Set<string>()
  for (const name of readdirSync(folder)) {
    const text = readFileSync(join(folder, name), 'latin1')
    for (const [word] of text.matchAll(/[A-Za-z_][\w.:/-]{1,30}/g)) found.add(word)
  }
  return [...found]
    .slice(0, 500)
    .map((word) => `"${word.replaceAll(/["\\]/g, '')}"\n`)
    .join('')
}

await main()
