import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ExecEvent } from '../../src/core/event/event.ts'
import { unhashedReasons } from '../../src/core/event/event-words.ts'
import { hashBounds, hashedFileOf } from '../../src/core/event/file-hash.ts'
import type { CaseSummary, CaseView } from '../../src/api/case-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { attached, removeContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'

const image = `${uniqueName('executed')}:1`
const { docker, socket } = sharedEngine()
const out = mkdtempSync('/tmp/snug-executed-')
const sink = join(out, 'alerts.ndjson')
const busybox = readFileSync('/bin/busybox')
/** What a dropped program has: bytes behind the end of busybox. */
const sha256Of = (trailer: string): string =>
  createHash('sha256').update(busybox).update(`${trailer}\n`).digest('hex')
const bad = sha256Of('known bad')
let agent: Agent

beforeAll(async () => {
  await busyboxImage(docker, { name: image })
  const guardrails = join(out, 'guardrails.yaml')
  writeFileSync(
    guardrails,
    `schema: snug.guardrails/v1
guardrails:
  - id: known-bad
    title: Executed a file that is known to be malware
    severity: critical
    attack: [T1204.002]
    why: its content is on the list of this site
    when: [{ kind: exec, hash: ['${bad}'] }]
`,
  )
  agent = await startAgent({
    docker: socket,
    config: { guardrails, sinks: [{ name: 'siem', type: 'file', path: sink }] },
  })
})
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]()
  await docker.getImage(image).remove({ force: true })
  rmSync(out, { recursive: true })
})

/** A shell in a container, by its standard streams. */
class Shell {
  readonly container: Docker.Container
  readonly #input: NodeJS.WritableStream
  readonly #lines: AsyncIterator<string>

  private constructor(
    container: Docker.Container,
    { input, output }: Awaited<ReturnType<typeof attached>>,
  ) {
    this.container = container
    this.#input = input
    this.#lines = createInterface({ input: output })[Symbol.asyncIterator]()
  }

  static async start(): Promise<Shell> {
    const container = await docker.createContainer({
      Image: image,
      Cmd: ['/bin/sh'],
      OpenStdin: true,
      HostConfig: { NetworkMode: 'none', Tmpfs: { '/memory': 'exec' } },
    })
    const streams = await attached(container)
    await container.start()
    return new Shell(container, streams)
  }

  /** Resolves with the lines that the commands print. */
  async does(...commands: readonly string[]): Promise<readonly string[]> {
    this.#input.write(`${[...commands, 'echo done'].join('\n')}\n`)
    const printed: string[] = []
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new Error(`the shell ended after: ${printed.join('\n')}`)
      if (value === 'done') return printed
      printed.push(value)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeContainer(this.container)
  }
}

const drop = (path: string, trailer: string): string =>
  `cp /bin/busybox ${path} && echo ${trailer} >> ${path} && chmod 755 ${path}`

/** Resolves with the alerts of the container once these programs have a hash or a reason. */
function alertsOn(shell: Shell, ...paths: readonly string[]): Promise<readonly Alert[]> {
  const isDone = (alerts: readonly Alert[]): boolean => {
    const files = alerts.filter((alert) => isOf(alert, shell)).flatMap(filesOf)
    return paths.every((path) => files.some((file) => file.path === path))
  }
  return agent
    .until<Alert[]>(['alert', 'list', '--limit', '1000'], isDone)
    .then((alerts) => alerts.filter((alert) => isOf(alert, shell)))
}

const isOf = (alert: Alert, { container }: Shell): boolean => alert.container?.id === container.id
const filesOf = ({ event, files = [] }: Alert): Alert['files'] & {} => [
  ...hashedFileOf(event),
  ...files,
]

/** What the sink got, in order. */
const sunk = (): readonly Alert[] =>
  readFileSync(sink, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Alert)

/** All executions of these programs among the last events of the container, as a case has them. */
async function executionsOf(shell: Shell, path: string): Promise<readonly ExecEvent[]> {
  const { id } = await agent.json<CaseSummary>([
    'capture',
    shell.container.id,
    '--reason',
    'what was executed',
  ])
  const { before } = await agent.json<CaseView>(['case', 'show', id])
  return before.flatMap((event) =>
    event.kind === 'exec' && event.exec.path === path ? [event] : [],
  )
}

describe('what a container executes and its image did not ship', () => {
  test('has the SHA-256 of its bytes in its alert, and in what a sink gets', async () => {
    await using shell = await Shell.start()
    const path = '/tmp/busybox-tool'
    await shell.does(drop(path, 'one'), `${path} sleep 1000 &`)
    const sha256 = sha256Of('one')
    const [alert] = await alertsOn(shell, path)
    expect(alert).toMatchObject({ event: { exec: { path, sha256 } }, guardrails: ['exec-drift'] })
    const { stdout } = await agent.cli(['alert', 'show', alert?.id ?? ''])
    expect(stdout).toContain(sha256)
    const hasIt = ({ id, event }: Alert): boolean =>
      id === alert?.id && event.kind === 'exec' && event.exec.sha256 === sha256
    await agent.until<StatusView>(['status'], () => sunk().some(hasIt))
  })

  test('has its hash though it deletes its file once it runs, on disk and in memory', async () => {
    await using shell = await Shell.start()
    for (const folder of ['/tmp', '/memory']) {
      const path = `${folder}/busybox-gone`
      await shell.does(
        drop(path, folder),
        `${path} sh -c 'rm ${path}; while :; do /bin/sleep 1000; done' &`,
        `while [ -e ${path} ]; do :; done`,
      )
      const alerts = await alertsOn(shell, path)
      expect(alerts.flatMap(filesOf)).toContainEqual({ path, sha256: sha256Of(folder) })
    }
  })

  test('has the hash of a script, and not that of its interpreter', async () => {
    await using shell = await Shell.start()
    const text = '#!/bin/sh\n/bin/sleep 1000\n'
    const path = '/tmp/script'
    await shell.does(
      `printf '${text.replaceAll('\n', '\\n')}' > ${path}`,
      `chmod 755 ${path}`,
      // Of a file that was changed in this moment nobody vouches for the content.
      '/bin/sleep 0.1',
      `${path} &`,
    )
    const sha256 = createHash('sha256').update(text).digest('hex')
    const alerts = await alertsOn(shell, path)
    expect(alerts.flatMap(filesOf)).toContainEqual({ path, sha256 })
  })

  test('never has the hash of a file that took its place', async () => {
    await using shell = await Shell.start()
    const path = '/tmp/busybox-next'
    const tries = 60
    for (let n = 0; n < tries; n++) {
      // In place and by rename, at once and after the tick of the clock by which files have their times.
      const pause = n % 2 === 0 ? [] : ['/bin/sleep 0.05']
      const target = n % 3 === 0 ? path : `${path}.new`
      const taken = n % 3 === 0 ? [] : [`mv ${target} ${path}`]
      await shell.does(drop(target, String(n)), ...taken, ...pause, `${path} echo ${n}`)
    }
    await shell.does(drop(path, 'last'))
    // What the container does last is judged last.
    const end = '/tmp/busybox-end'
    await shell.does(drop(end, 'end'), `${end} echo end`)
    await alertsOn(shell, end)
    const executions = await executionsOf(shell, path)
    expect(executions).toHaveLength(tries)
    for (const { exec, process } of executions) {
      if (exec.sha256 === undefined) expect(unhashedReasons).toContain(exec.unhashed)
      else expect(exec.sha256).toBe(sha256Of(process.args?.at(-1) ?? ''))
    }
  })

  test('raises the alert of a guardrail that lists its hash', async () => {
    await using shell = await Shell.start()
    const path = '/tmp/busybox-bad'
    await shell.does(drop(path, 'known bad'), `${path} sleep 1000 &`)
    const isKnown = ({ guardrails, container }: Alert): boolean =>
      guardrails.includes('known-bad') && container?.id === shell.container.id
    const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (all) =>
      all.some(isKnown),
    )
    expect(alerts.filter(isKnown)).toMatchObject([
      {
        type: 'guardrail',
        severity: 'critical',
        attack: expect.arrayContaining(['T1204.002']),
        event: { exec: { path, sha256: bad } },
      },
    ])
  })

  test('has a hash or a reason each time, of a thousand programs beyond the budget', async () => {
    await using shell = await Shell.start()
    const before = await countsOf()
    const [count, size] = [1_000, 2 * 1_048_576]
    expect(count * size).toBeGreaterThan(2 * hashBounds.minuteBytes)
    const names = 'n=0; while [ $n -lt 1000 ]; do p=/tmp/dropped-$n;'
    await shell.does(
      // With a hole in it each takes a page of the disk, and is read as a whole.
      `${names} printf '#!/bin/true\\n%s\\n' $n > $p; truncate -s ${size} $p; chmod 755 $p; n=$((n+1)); done`,
      '/bin/sleep 0.1',
      `${names} $p; n=$((n+1)); done`,
    )
    const since = (counts: Counts): Counts =>
      new Map([...counts].map(([result, number]) => [result, number - (before.get(result) ?? 0)]))
    const sum = (counts: Counts): number => [...counts.values()].reduce((a, b) => a + b, 0)
    // Executions in containers of other tests on this kernel count too.
    await agent.until<StatusView>(['status'], (view) => sum(since(hashCounts(view))) >= count)
    const counts = since(await countsOf())
    // The time of the test may have parts of two minutes.
    expect(counts.get('sha256')).toBeLessThanOrEqual((2 * hashBounds.minuteBytes) / size)
    expect(counts.get('sha256')).toBeGreaterThan(0)
    expect((counts.get('budget') ?? 0) + (counts.get('queue') ?? 0)).toBeGreaterThan(0)
    const files = (await alertsOn(shell)).flatMap(filesOf)
    expect(files.length).toBeGreaterThan(0)
    for (const { path, ...hash } of files) {
      const content = Buffer.alloc(size)
      content.write(`#!/bin/true\n${/\d+$/.exec(path)?.[0]}\n`)
      const sha256 = createHash('sha256').update(content).digest('hex')
      if ('sha256' in hash) expect(hash).toEqual({ sha256 })
      else expect(unhashedReasons).toContain(hash.unhashed)
    }
  })
})

type Counts = ReadonlyMap<string, number>

/** Executions by result. */
function hashCounts({ counters }: StatusView): Counts {
  return new Map(['sha256', ...unhashedReasons].map((one) => [one, counters[`hashes-${one}`] ?? 0]))
}

const countsOf = async (): Promise<Counts> => hashCounts(await agent.json<StatusView>(['status']))
