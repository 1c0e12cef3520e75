import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cli } from '../fixtures/cli-fixtures.ts'
import { type ServerFixture, startFixture } from '../fixtures/server-fixtures.ts'

const web = 'registry.local/shop/web:1.4'
let fixture: ServerFixture

beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(() => fixture[Symbol.asyncDispose]())

const commands = [
  { args: ['profile', 'approve', web], call: 'approve' },
  { args: ['profile', 'approve', web, '--card', 'c-1'], call: 'decideCard' },
  { args: ['profile', 'reject', web, '--card', 'c-1'], call: 'decideCard' },
  { args: ['profile', 'forget', web, '--container', 'web-1'], call: 'forget' },
  { args: ['image', 'remove', web], call: 'removeImage' },
  { args: ['incident', 'close', '01-a', '--reason', 'an exercise'], call: 'closeIncident' },
  { args: ['profile', 'incident', web, '--session', 's1', '--reason', 'theft'], call: 'forget' },
] as const

function snug(args: readonly string[], answer?: string) {
  const terminal = answer === undefined ? {} : { stdin: `${answer}\n`, interactive: true }
  return cli([...args, '--socket', fixture.socket], terminal)
}

/** Whether each call was a dry run. */
const dryRuns = (): readonly boolean[] =>
  fixture.engine.calls.map(({ args }) => JSON.stringify(args).includes('"dryRun":true'))

describe.each(commands)('$args.0 $args.1', ({ args, call }) => {
  it('asks a person at a terminal, and changes nothing without a yes', async () => {
    const { exit, stderr } = await snug(args, 'no')
    expect(exit).toBe(1)
    expect(stderr).toContain('NOT_CONFIRMED')
    expect(dryRuns()).toEqual([true])
  })

  it('continues after a yes', async () => {
    expect(await snug(args, 'y')).toMatchObject({ exit: 0 })
    expect(dryRuns()).toEqual([true, false])
    expect(fixture.engine.calls.at(-1)).toMatchObject({ name: call })
  })

  it('asks no question with --yes or without a terminal', async () => {
    expect(await snug([...args, '--yes'], 'no')).toMatchObject({ exit: 0 })
    expect(await snug(args)).toMatchObject({ exit: 0 })
    expect(dryRuns()).toEqual([false, false])
  })

  it('shows the changes with --dry-run', async () => {
    expect(await snug([...args, '--dry-run'], 'y')).toMatchObject({ exit: 0 })
    expect(dryRuns()).toEqual([true])
  })
})

it('changes nothing where another person decided before the answer', async () => {
  const answer = Readable.from(
    (function* () {
      fixture.engine.revisions += 1
      yield 'y\n'
    })(),
  )
  const args = ['profile', 'forget', web, '--container', 'web-1', '--socket', fixture.socket]
  const { exit, stderr } = await cli(args, { stdin: answer, interactive: true })
  expect(exit).toBe(1)
  expect(stderr).toContain('REVISION_STALE')
  expect(dryRuns()).toEqual([true])
})

it('disables all enforcement only after a yes', async () => {
  const { exit, stderr } = await snug(
    ['kernel', 'detach', '--kernel-state', '/sys/fs/bpf/none'],
    '',
  )
  expect(exit).toBe(1)
  expect(stderr).toContain('NOT_CONFIRMED')
})

it('names the new command where the old flag is used', async () => {
  const { stderr } = await snug(['agent', '--detach', '--kernel-state', 'none'])
  expect(stderr).toContain('`snug kernel detach`')
  expect(stderr).toContain('the kernel keeps no state after the agent ends')
})
