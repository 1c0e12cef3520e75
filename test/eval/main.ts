import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startDockerd } from '../fixtures/dockerd.ts'
import { shippedEnvironment } from '../fixtures/shipped-environment.ts'
import { runBatch } from './batch.ts'
import { isComplete, loadResults, type Protocol, protocols, saveResult } from './result.ts'
import { type Kind, kinds, type Service } from './service.ts'
import { allServices } from './services/all.ts'
import { columnOf, columns } from './split.ts'

/**
 * `make eval` measures learning and blocking on services that Snug was not tuned for. Bad figures do not make it fail.
 * It writes a file for each service to `.build/eval`, from which `summary.ts` writes `docs/eval.md`.
 *
 *   make eval EVAL='--only lighttpd,valkey --minutes 0.5'
 *
 * With `--no-attacks` it counts false alerts alone. Such a result is not complete.
 *
 * With `--record FOLDER` it keeps the learned data and the events that were judged: `npx tsx test/eval/replay.ts FOLDER`
 * judges them again in seconds, by the code as it then is.
 *
 * `SNUG_EVAL_SUITE=bookworm` takes the packages of another suite of Debian. With `--only-a` all rounds learn from load A.
 * With `--starters` the agents use starter profiles.
 *
 * Services whose result is complete and of this commit are not run again, unless `--again`.
 */
const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    kind: { type: 'string' },
    column: { type: 'string' },
    protocol: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '1' },
    batch: { type: 'string', default: '6' },
    quick: { type: 'boolean', default: false },
    again: { type: 'boolean', default: false },
    'no-attacks': { type: 'boolean', default: false },
    record: { type: 'string' },
    'only-a': { type: 'boolean', default: false },
    starters: { type: 'boolean', default: false },
    results: { type: 'string', default: here('.build/eval') },
  },
})

/** An interrupted run stops its agent and its engine. */
const ended = new AbortController()
process.once('SIGINT', () => ended.abort()).once('SIGTERM', () => ended.abort())

const print = (line: string): void => {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`)
}

/** What an option may be. @throws where it is anything else */
function among(
  option: string,
  given: string | undefined,
  known: readonly string[],
): readonly string[] {
  const chosen = given?.split(',') ?? known
  const unknown = chosen.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new Error(`--${option} ${unknown}: there are ${known.join(', ')}`)
  return chosen
}

/** Under ten minutes: the first of each kind, short rounds. */
function quickOnes(from: readonly Service[]): readonly Service[] {
  return kinds.flatMap((kind) => from.find((service) => service.kind === kind) ?? [])
}

async function main(): Promise<void> {
  // Its memory is that of an agent as it ships.
  Object.assign(process.env, shippedEnvironment())
  const names = among(
    'only',
    values.only,
    allServices.map(({ name }) => name),
  )
  const ofKinds = among('kind', values.kind, kinds) as readonly Kind[]
  const ofColumns = among('column', values.column, columns)
  const by = among('protocol', values.protocol, protocols) as readonly Protocol[]
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: here('.') })
    .toString()
    .trim()
  const done = loadResults(values.results).filter(
    (result) => !values.again && result.commit === commit && isComplete(result, by),
  )
  const asked = allServices.filter(
    ({ name, kind }) =>
      names.includes(name) &&
      ofKinds.includes(kind) &&
      ofColumns.some((one) => one === columnOf(name)),
  )
  const chosen = (values.quick ? quickOnes(asked) : asked).filter(
    ({ name }) => !done.some(({ service }) => service === name),
  )
  const minutes = values.quick ? 0.4 : Number(values.minutes)
  const size = Math.max(1, Number(values.batch))
  for (let first = 0; first < chosen.length; first += size) {
    const services = chosen.slice(first, first + size)
    print(`${services.map(({ name }) => name).join(', ')}`)
    const engine = await startDockerd()
    try {
      await runBatch({
        engine,
        services,
        protocols: by,
        roundMs: minutes * 60_000,
        rounds: Math.max(2, Number(values.rounds)),
        secondLoad: values['only-a'] ? 'A' : 'B',
        recordings: values.record,
        hasAttacks: !values['no-attacks'],
        starters: values.starters,
        commit,
        signal: ended.signal,
        print,
        save: (result) => saveResult(values.results, result),
      })
    } finally {
      await engine.stop()
    }
  }
}

try {
  await main()
} catch (error) {
  print(error instanceof Error ? (error.stack ?? error.message) : String(error))
  process.exitCode = 1
}
// Handles that a failed part left open must not delay the exit.
process.exit()
