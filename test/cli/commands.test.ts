import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parse as parseYaml, parseAllDocuments } from 'yaml'
import { inheritedText } from '../../src/agent/reading/views.ts'
import { fromStarter } from '../../src/core/profile/profile-entry.ts'
import { cli, startCli } from '../fixtures/cli-fixtures.ts'
import {
  sampleAlert,
  sampleEvent,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

const web = 'registry.local/shop/web:1.4'
const formats = ['json', 'ndjson', 'yaml', 'table'] as const
let fixture: ServerFixture
let dir: string

beforeEach(async () => {
  fixture = await startFixture()
  dir = mkdtempSync(join(tmpdir(), 'snug-cli-'))
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
  rmSync(dir, { recursive: true, force: true })
})

const snug = (...args: string[]) => cli([...args, '--socket', fixture.socket])

function file(name: string, text: string): string {
  const path = join(dir, name)
  writeFileSync(path, text)
  return path
}

const listings = [
  ['status'],
  ['doctor'],
  ['image', 'list'],
  ['image', 'show', web],
  ['profile', 'show', web],
  ['profile', 'diff', web, 'registry.local/shop/web:1.5'],
  ['profile', 'mode', web, 'alert'],
  ['profile', 'class', web, 'open', '--reason', 'an agent'],
  ['break-glass', web, '--for', '15m', '--reason', 'the shop is down'],
  ['break-glass', web, '--end'],
  ['quarantine', 'web-1', '--for', '1h', '--reason', 'a web shell'],
  ['quarantine', 'list'],
  ['release', 'web-1'],
  ['profile', 'approve', web],
  ['profile', 'reject', web, '--behaviour', 'b-7'],
  ['profile', 'forget', web, '--container', 'web-1'],
  ['profile', 'incident', web, '--session', 's1', '--reason', 'an intruder'],
  ['profile', 'test', web, '--reject', 'b-7'],
  ['profile', 'end-learning', web],
  ['profile', 'review'],
  ['profile', 'undo', web, '--behaviour', 'b-7'],
  ['audit', 'list'],
  ['audit', 'verify'],
  ['audit', 'undo', '1'],
  ['person'],
  ['person', 'alice@example.org'],
  ['alert', 'list'],
  ['alert', 'show', '01-a'],
  ['alert', 'allow', '01-a'],
  ['alert', 'reject', '01-a'],
  ['alert', 'undo', '01-a'],
  ['alert', 'ack', '01-a', '--reason', 'known'],
  ['config', 'explain', '--running'],
]

describe.each(listings)('snug %s %s', (...args) => {
  const command = args.filter((arg) => arg !== undefined)

  it('prints data in each format, and nothing else on standard output', async () => {
    for (const format of formats) {
      const { exit, stdout, stderr } = await snug(...command, '-o', format)
      expect(exit, stderr).toBe(0)
      expect(stderr).toBe('')
      if (format === 'json') expect(() => JSON.parse(stdout) as unknown).not.toThrow()
      if (format === 'yaml') expect(() => parseYaml(stdout) as unknown).not.toThrow()
      if (format === 'ndjson') {
        for (const line of stdout.trimEnd().split('\n')) JSON.parse(line)
      }
      if (format === 'table') expect(stdout).not.toMatch(/^[[{]/)
    }
  })

  it('prints the same data in JSON and YAML', async () => {
    const json = await snug(...command, '-o', 'json')
    const yaml = await snug(...command, '-o', 'yaml')
    expect(parseYaml(yaml.stdout)).toEqual(JSON.parse(json.stdout))
  })
})

// Without an agent, `doctor` looks at the host itself.
const asking = listings.filter(([noun]) => noun !== 'doctor')

describe.each(asking)('snug %s %s without an agent', (...args) => {
  it('fails and prints what to do', async () => {
    const command = args.filter((arg) => arg !== undefined)
    const { exit, stdout, stderr } = await cli([...command, '--socket', join(dir, 'none.sock')])
    expect({ exit, stdout }).toEqual({ exit: 1, stdout: '' })
    expect(stderr).toMatch(/^snug: .*\(AGENT_UNREACHABLE\)\nhint: /)
  })
})

describe('a command', () => {
  it('finds the socket in SNUG_SOCKET', async () => {
    const { exit } = await cli(['status'], { env: { SNUG_SOCKET: fixture.socket } })
    expect(exit).toBe(0)
  })

  it('that is mistyped exits with 64 and names the nearest', async () => {
    const { exit, stdout, stderr } = await snug('statsu')
    expect({ exit, stdout }).toEqual({ exit: 64, stdout: '' })
    expect(stderr).toContain('(USAGE)')
    expect(stderr).toContain('did you mean `status`?')
  })

  it.each([
    [[]],
    [['image']],
    [['image', 'show']],
    [['image', 'list', 'too', 'many']],
    [['status', '--bogus']],
    [['status', '-o', 'xml']],
    [['profile', 'mode', web, 'blok']],
    [['profile', 'mode', web, 'block', '--canary', '0']],
    [['profile', 'mode', web, 'block', '--canary', '1.5']],
    [['profile', 'mode', web, 'block', '--canary-for', 'soon']],
    [['profile', 'mode', web, 'alert', '--canary', '0.5']],
    [['break-glass', web]],
    [['break-glass', web, '--for', '15m']],
    [['break-glass', web, '--reason', 'none']],
    [['break-glass', web, '--for', 'long', '--reason', 'x']],
    [['break-glass', web, '--end', '--for', '15m']],
    [['quarantine', 'web-1']],
    [['quarantine', 'web-1', '--reason', 'x', '--level', 'all']],
    [['quarantine', 'web-1', '--reason', 'x', '--for', 'long']],
    [['release']],
    [['profile', 'test', web]],
    [['profile', 'test', web, '--events', 'x', '--allow', 'b-7']],
    [['profile', 'test', web, '--events', 'x', '--contrast']],
    [['profile', 'test', web, '--allow', 'b-7', '--representative', 'x']],
    [['profile', 'reject', web]],
    [['profile', 'forget', web]],
    [['profile', 'forget', web, '--container', 'a', '--session', 'b']],
    [['profile', 'forget', web, '--between', '2h']],
    [['profile', 'forget', web, '--between', '2h', 'soon']],
    [['profile', 'incident', web, '--session', 's1']],
    [['audit', 'list', '--limit', 'all']],
    [['alert', 'ack', '01-a']],
    [['alert', 'list', '--limit', '0']],
    [['alert', 'list', '--severity', 'dire']],
    [['alert', 'allow', '01-a', '--only', 'root']],
    [['alert', 'allow', '01-a', '--until', 'soon']],
    [['event', 'record', 'x', '--for', '10']],
  ])('that is %j exits with 64', async (args) => {
    expect((await snug(...args)).exit).toBe(64)
  })

  it('explains itself with --help, on standard output', async () => {
    const { exit, stdout, stderr } = await snug('alert', 'allow', '--help')
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
    expect(stdout).toContain('--until')
  })

  it('repeats the code that the agent refused with', async () => {
    const unknown = await snug('profile', 'show', 'nothing')
    expect(unknown).toMatchObject({ exit: 1, stdout: '' })
    expect(unknown.stderr).toContain('(IMAGE_UNKNOWN)')
    const blocked = await snug('profile', 'mode', web, 'block')
    expect(blocked.exit).toBe(1)
    expect(blocked.stderr).toContain('(MODE_REFUSED)')
  })

  it('with a config that is wrong exits with 3', async () => {
    const config = file('snug.yaml', 'learn: { flor: 1h }\n')
    const { exit, stderr } = await snug('config', 'explain', '--config', config)
    expect(exit).toBe(3)
    expect(stderr).toContain('did you mean `learn.floor`?')
  })

  it('checks a config: valid, or wrong with its exit code', async () => {
    const right = file('snug.yaml', 'learn: { floor: 1h }\n')
    expect(await snug('config', 'check', '--config', right)).toMatchObject({
      exit: 0,
      stdout: 'The configuration is valid, and no key of it is deprecated.\n',
      stderr: '',
    })
    expect(await snug('config', 'check', '--config', right, '-o', 'json')).toMatchObject({
      exit: 0,
      stdout: '[]\n',
    })
    const wrong = file('snug.yaml', 'learn: { flor: 1h }\n')
    expect(await snug('config', 'check', '--config', wrong)).toMatchObject({ exit: 3, stdout: '' })
  })

  it('agent does not start with a config that is wrong', async () => {
    const { exit, stderr } = await snug('agent', '--learn-floor', 'soon', '--listen', 'none')
    expect(exit).toBe(3)
    expect(stderr).toContain('from --learn-floor')
  })

  it('passes on the whole of a decision', async () => {
    await snug('alert', 'allow', '01-a', '--until', '2027-01-01T00:00:00Z', '--only', 'uid=101')
    await snug('alert', 'allow', '01-a', '--peer', '10.0.0.0/8')
    await snug('profile', 'approve', web, '--behaviour', 'b-7', 'b-8', '--reason', 'seen')
    const by = { who: 'cli:root' }
    expect(fixture.engine.calls).toEqual([
      {
        name: 'allowAlert',
        args: ['01-a', { until: '2027-01-01T00:00:00.000Z', onlyUid: 101 }, by],
      },
      { name: 'allowAlert', args: ['01-a', { peer: '10.0.0.0/8' }, by] },
      { name: 'approve', args: [web, ['b-7', 'b-8'], { ...by, reason: 'seen' }] },
    ])
  })

  it('passes on the behaviours to forget, reject and test', async () => {
    const reason = 'an intruder'
    const edit = file('edit.yaml', 'allow: [{ behaviour: b-1, onlyUid: 0 }]\nreject: [b-2]\n')
    const [from, to] = ['2026-11-24T12:00:00.000Z', '2026-11-24T13:00:00.000Z']
    await snug('profile', 'approve', web, '--quarantined')
    await snug('profile', 'reject', web, '--behaviour', 'b-7', '--reason', reason)
    await snug('profile', 'forget', web, '--between', from, '2026-11-24T14:00:00+01:00')
    await snug('alert', 'reject', '01-a', '--reason', reason)
    await snug('alert', 'allow', '01-a', '--workload')
    await snug('profile', 'test', web, '--edit', edit, '--allow', 'b-3', '--reject', 'b-4')
    const by = { who: 'cli:root' }
    expect(fixture.engine.calls).toEqual([
      { name: 'approve', args: [web, undefined, by, { quarantined: true }] },
      { name: 'reject', args: [web, ['b-7'], { ...by, reason }] },
      { name: 'forget', args: [web, { between: { from, to } }, by] },
      { name: 'rejectAlert', args: ['01-a', { ...by, reason }] },
      { name: 'allowAlert', args: ['01-a', { workload: true }, by] },
      {
        name: 'testEdit',
        args: [
          web,
          {
            allow: [{ behaviour: 'b-1', onlyUid: 0 }, { behaviour: 'b-3' }],
            reject: ['b-2', 'b-4'],
          },
        ],
      },
    ])
  })

  it('exits with 2 where an edit lets an attack through, or the audit does not hold', async () => {
    const attack = { name: 'a cron job', attack: ['T1053'], actor: '/bin/sh', uid: 0 }
    fixture.engine.attacks = [{ ...attack, already: false }]
    const test = await snug('profile', 'test', web, '--allow', 'b-7')
    expect(test.exit).toBe(2)
    expect(test.stdout).toMatch(/a cron job +T1053 +\/bin\/sh/)
    fixture.engine.auditCheck = { ok: false, entries: 2, head: 'ff', faults: ['entry 2 is odd'] }
    const audit = await snug('audit', 'verify')
    expect(audit.exit).toBe(2)
    expect(audit.stdout).toContain('entry 2 is odd')
  })

  it('refuses an invalid edit, with its line or member', async () => {
    const odd = await snug('profile', 'test', web, '--edit', file('odd.yaml', 'alow: [b-1]\n'))
    expect([odd.exit, odd.stderr]).toEqual([3, expect.stringContaining('(BODY_INVALID)')])
    const none = await snug('profile', 'test', web, '--edit', join(dir, 'none.yaml'))
    expect(none.exit).toBe(1)
  })

  it('shows behaviours in quarantine', async () => {
    const [row] = fixture.engine.behaviours
    if (row === undefined) throw new Error('no behaviour')
    const held = { ...row, id: 'b-8', state: 'quarantined' as const, guardrails: ['ssh-key'] }
    fixture.engine.behaviours = [row, held]
    const { stdout } = await snug('profile', 'show', web)
    expect(stdout).toMatch(/quarantine +1 behaviours on which a guardrail fired/)
    expect(stdout).toMatch(/b-8 +quarantined .*\[ssh-key\]/)
  })

  it('shows where behaviour comes from that the version has not shown itself', async () => {
    const [row] = fixture.engine.behaviours
    if (row === undefined) throw new Error('no behaviour')
    expect((await snug('profile', 'show', web)).stdout).not.toContain('not shown')
    const why = inheritedText(undefined, fromStarter('nginx'))
    fixture.engine.behaviours = [row, { ...row, id: 'b-9', inherited: true, why }]
    const { stdout } = await snug('profile', 'show', web)
    expect(stdout).toMatch(/not shown +1 in the starter profile `nginx`, not observed in this/)
    expect(stdout).toMatch(/b-9 .*\[not shown\]/)
  })

  it('passes on how blocking shall begin, and that the glass was broken', async () => {
    fixture.engine.refuses = undefined
    await snug('profile', 'mode', web, 'block', '--canary', '0.2', '--canary-for', '30m')
    await snug('break-glass', web, '--for', '15m', '--reason', 'the shop is down')
    await snug('break-glass', web, '--end')
    const by = { who: 'cli:root' }
    expect(fixture.engine.calls).toEqual([
      { name: 'setMode', args: [web, 'block', by, { fraction: 0.2, forMs: 1_800_000 }] },
      { name: 'breakGlass', args: [web, 900_000, { ...by, reason: 'the shop is down' }] },
      { name: 'endBreakGlass', args: [web, by] },
    ])
  })

  it('passes on what is to be held and released, and prints how far that has come', async () => {
    const held = await snug('quarantine', 'web-1', '--reason', 'a web shell')
    expect(held.stdout).toContain('(shop/web:1.4): held, ended 2 connections')
    expect(held.stdout).toContain('(shop/web:1.4): waiting')
    await snug('quarantine', web, '--level', 'freeze', '--for', '2h', '--dry-run', '--reason', 'x')
    await snug('release', 'web-1', '--reason', 'it was a test')
    const by = { who: 'cli:root' }
    expect(fixture.engine.calls).toEqual([
      {
        name: 'hold',
        args: [
          { target: 'web-1', level: 'network', forMs: 3_600_000 },
          { ...by, reason: 'a web shell' },
        ],
      },
      {
        name: 'hold',
        args: [
          { target: web, level: 'freeze', forMs: 7_200_000, dryRun: true },
          { ...by, reason: 'x' },
        ],
      },
      { name: 'release', args: ['web-1', { ...by, reason: 'it was a test' }] },
    ])
  })

  it('captures, lists, shows and exports cases', async () => {
    expect(await snug('capture', 'web-1', '--reason', 'a web shell')).toMatchObject({ exit: 0 })
    expect((await snug('capture', 'web-1')).exit).toBe(64)
    expect((await snug('case', 'list')).stdout).toMatch(/01CASE +\S+ +complete +web-1 +4096/)
    const { stdout } = await snug('case', 'show', '01CASE')
    expect(stdout).toMatch(/812 +790 +101 .* \/bin\/sh +sh -i/)
    expect(stdout).toContain('812 tcp 10.0.0.2:4 to 203.0.113.7:5 (established)')
    expect(stdout).toMatch(/\/tmp\/large .* not captured: larger/)
    const folder = mkdtempSync('/tmp/snug-export-')
    const file = join(folder, 'case.gz')
    expect((await snug('case', 'export', '01CASE', file)).exit).toBe(0)
    expect(readFileSync(file)).toEqual(Buffer.from('AAAA', 'base64'))
    expect((await snug('case', 'export', '01CASE', folder)).stderr).toContain('REPORT_UNWRITABLE')
    rmSync(folder, { recursive: true })
    const who = { who: 'cli:root' }
    expect(fixture.engine.calls.filter(({ name }) => name !== 'case')).toEqual([
      { name: 'capture', args: ['web-1', { ...who, reason: 'a web shell' }] },
      { name: 'caseFile', args: ['01CASE', who] },
      { name: 'caseFile', args: ['01CASE', who] },
    ])
  })

  it('shows what one person did in which containers', async () => {
    const { stdout } = await snug('person', 'alice@example.org')
    expect(fixture.engine.calls).toEqual([{ name: 'persons', args: ['alice@example.org'] }])
    expect(stdout).toMatch(/^from +10\.1\.2\.3$/m)
    expect(stdout).toMatch(/^web-0\/web +shop\/web +2 +3 +high /m)
    expect(stdout).toContain('run /bin/sh')
    expect(stdout).toMatch(/^port-forward +shop\/web-0 +- +\d{4}-\d\d-\d\dT/m)
  })

  it('names who began the sessions of an alert, and lists by person', async () => {
    const since = '2026-11-24T13:40:27Z'
    const alice = { certainty: 'certain', name: 'alice', from: '10.1.2.3', candidates: 1 } as const
    const nobody = { certainty: 'unknown', why: 'several-persons', candidates: 2 } as const
    const sessions = [alice, nobody].map((person, at) => ({ id: `s${at}`, since, person }))
    fixture.engine.kept = [sampleAlert('01-a', { sessions })]
    const { stdout } = await snug('alert', 'show', '01-a')
    expect(stdout).toMatch(/^session by +alice from 10\.1\.2\.3 \(certain\)$/m)
    expect(stdout).toContain('unknown: requests of several persons fit')
    expect((await snug('alert', 'list', '--person', 'alice')).stdout).toContain(' by alice\n')
    expect(fixture.engine.calls.at(-1)).toMatchObject({
      name: 'alerts',
      args: [{ person: 'alice' }],
    })
  })

  it('prints which containers are blocked and who disabled blocking', async () => {
    fixture.engine.refuses = undefined
    const { stdout } = await snug('profile', 'mode', web, 'block', '--canary', '0.2')
    expect(stdout).toContain('armed, since')
    expect(stdout).toContain('1 of 2 running containers: web-1')
    expect(stdout).toContain('canary: 20 % of its containers until')
    expect(stdout).toContain('1 behaviour waits for a decision: blocking stops what nobody allowed')
    const broken = await snug('break-glass', web, '--for', '15m', '--reason', 'the shop is down')
    expect(broken.stdout).toMatch(/off until .* by cli:root: the shop is down/)
  })

  it('doctor and status print the enforcement of each event class on this host', async () => {
    fixture.engine.stops = [
      { act: 'exec', text: 'running a program', how: 'killed' },
      { act: 'rename', text: 'renaming or moving a file', how: 'alerted' },
    ]
    const { stdout } = await snug('doctor')
    expect(stdout).toMatch(/^CLASS +A DEVIATION BY +IS, IN MODE BLOCK$/m)
    expect(stdout).toMatch(/^exec +running a program +killed$/m)
    expect(stdout).toMatch(/^rename +renaming or moving a file +alerted only$/m)
    const status = await snug('status')
    expect(status.stdout).toContain('killed: exec')
    expect(status.stdout).toContain('alerted only: rename')
  })

  it('doctor --cost prints the share of the processors and the memory that Snug takes', async () => {
    const mebibyte = 1_048_576
    fixture.engine.costResult = {
      seconds: 10,
      processes: [
        { process: 'agent', seconds: 0.15, residentBytes: 140 * mebibyte },
        { process: 'sensor', seconds: 0.05, residentBytes: 12 * mebibyte },
      ],
      kernel: {
        seconds: 10,
        mapBytes: 66 * mebibyte,
        programs: [
          { program: 'on_fork', runs: 4, nanoseconds: 2_000 },
          { program: 'on_exec', runs: 0, nanoseconds: 0 },
          { program: 'on_sys_exit', runs: 1_000_000, nanoseconds: 200_000_000 },
        ],
      },
    }
    const { exit, stdout } = await snug('doctor', '--cost', '--for', '10s')
    expect(exit).toBe(0)
    expect(fixture.engine.calls).toEqual([
      { name: 'cost', args: [{ seconds: 10, gateway: undefined }] },
    ])
    expect(
      stdout,
    ).toBe(`Within 10.0 s Snug took 4.00 % of a processor, which is 1.00 % of the 4 of this node, and 218 MiB of memory.

PART    OF A PROCESSOR  MEMORY
agent   1.50 %          140 MiB
sensor  0.50 %          12 MiB
kernel  2.00 %          66 MiB

KERNEL PROGRAM  RUNS     EACH    OF A PROCESSOR
on_sys_exit     1000000  200 ns  2.00 %
on_fork         4        500 ns  0.00 %
`)
  })

  it('doctor --cost states why the programs in the kernel are not measured', async () => {
    fixture.engine.costResult = { unmeasured: 'the kernel refuses' }
    const { stdout } = await snug('doctor', '--cost')
    expect(stdout).toContain(
      'The programs in the kernel are not in these figures: the kernel refuses\n',
    )
    expect(stdout).not.toContain('KERNEL PROGRAM')
    const json = JSON.parse((await snug('doctor', '--cost', '-o', 'json')).stdout) as object
    expect(json).toEqual({
      seconds: 5,
      processors: 4,
      processes: [],
      unmeasured: 'the kernel refuses',
    })
  })

  it('doctor prints the one thing to do next first', async () => {
    const { stdout } = await snug('doctor')
    expect(stdout).toMatch(/^next: decide on 2 open alerts: `snug alert list`\n\nok {4}kernel/)
    const json = JSON.parse((await snug('doctor', '-o', 'json')).stdout) as { next: string }
    expect(stdout).toContain(`next: ${json.next}\n`)
  })

  it.each([
    { state: 'degraded', reason: 'the sensor ended (exit 1) (SENSOR_DIED)' },
    { state: 'stopped', reason: 'no BTF (SENSOR_UNAVAILABLE)' },
  ])(
    'status exits with 1 and prints the reason where a source observes nothing: $state',
    async (sensor) => {
      fixture.engine.sensor = sensor
      const { exit, stdout } = await snug('status')
      expect(exit).toBe(1)
      expect(stdout).toContain(`ebpf: ${sensor.state} (${sensor.reason})`)
    },
  )

  it.each([
    { agent: 'starting', sensor: 'running' },
    { agent: 'running', sensor: 'starting' },
  ] as const)(
    'status exits with 1 while nothing is observed yet: %j',
    async ({ agent, sensor }) => {
      fixture.engine.state = agent
      fixture.engine.sensor = { state: sensor }
      const { exit, stdout } = await snug('status')
      expect({ exit, shows: stdout.includes('starting') }).toEqual({ exit: 1, shows: true })
    },
  )

  it('status --wait waits until the sensor observes', async () => {
    fixture.engine.sensor = { state: 'starting' }
    const asked = fixture.engine.statusAsked(2)
    const run = startCli(['status', '--wait', '1h', '--socket', fixture.socket])
    await asked
    expect(run.stdout()).toBe('')
    fixture.engine.sensor = { state: 'running' }
    expect(await run.exit).toBe(0)
    expect(run.stdout()).toContain('ebpf: running')
  })

  it.each(['1', '200ms'])('status --wait %s ends with 1 when the time is over', async (wait) => {
    fixture.engine.sensor = { state: 'starting' }
    expect(await snug('status', '--wait', wait)).toMatchObject({ exit: 1 })
    const none = await cli(['status', '--wait', wait, '--socket', join(dir, 'none.sock')])
    expect(none.exit).toBe(1)
    expect(none.stderr).toContain('AGENT_UNREACHABLE')
  })

  it('status --wait waits for an agent that does not answer yet', async () => {
    const socket = join(dir, 'late.sock')
    const refusing = createServer((client) => client.destroy())
    await new Promise<void>((resolve) => refusing.listen(socket, resolve))
    const run = startCli(['status', '--wait', '--socket', socket])
    await once(refusing, 'connection')
    // Closing removes the socket.
    await new Promise((resolve) => refusing.close(resolve))
    symlinkSync(fixture.socket, socket)
    expect(await run.exit).toBe(0)
  })

  it('status exits with 0 where a source ended, or something else is wrong', async () => {
    fixture.engine.sensor = { state: 'stopped' }
    fixture.engine.state = 'degraded'
    fixture.engine.degraded = ['kubernetes: the API server is away']
    expect((await snug('status')).exit).toBe(0)
  })

  it('doctor looks at the host itself where no agent runs', async () => {
    const { exit, stdout, stderr } = await cli(['doctor', '-o', 'json', '--socket', '/nowhere/s'])
    expect(exit).toBe(0)
    expect(stderr).toContain('no agent')
    const report = JSON.parse(stdout) as { checks: { name: string }[]; acts: unknown[] }
    expect(report.checks.map(({ name }) => name)).toContain('btf')
    expect(report.acts.length).toBeGreaterThan(0)
  })
})

describe('judging a file', () => {
  const two = `${JSON.stringify(sampleEvent)}\n`.repeat(2)

  it.each([
    [{}, 0],
    [{ deviations: 1 }, 2],
    [
      {
        rejectedCount: 1,
        rejected: [{ line: 2, code: 'EVENT_INVALID', message: 'line 2: no `kind`' }],
      },
      3,
    ],
    [{ deviations: 1, rejectedCount: 1 }, 3],
  ])('with the outcome %j exits with %i', async (outcome, exit) => {
    fixture.engine.replayResult = outcome
    fixture.engine.backTestResult = outcome
    const events = file('events.ndjson', two)
    const replayed = await snug('event', 'replay', events, '-o', 'json')
    expect(replayed.exit).toBe(exit)
    expect(JSON.parse(replayed.stdout)).toMatchObject({ events: 2, ...outcome })
    expect((await snug('profile', 'test', web, '--events', events)).exit).toBe(exit)
    if ('rejected' in outcome) {
      expect(replayed.stderr).toContain('line 2: no `kind` (EVENT_INVALID)')
    }
  })

  it('takes it from standard input', async () => {
    const args = ['event', 'replay', '-', '-o', 'json', '--socket', fixture.socket]
    const { stdout } = await cli(args, { stdin: two })
    expect(JSON.parse(stdout)).toMatchObject({ events: 2 })
  })

  it('that is not there, or is a folder, could not be done', async () => {
    for (const path of [join(dir, 'none'), dir]) {
      const { exit, stderr } = await snug('event', 'replay', path)
      expect(exit).toBe(1)
      expect(stderr).toContain('(SOURCE_UNREADABLE)')
    }
  })

  it('against an image that is not known is refused, however large the file', async () => {
    const events = file('events.ndjson', two.repeat(20_000))
    const { exit, stderr } = await snug('profile', 'test', 'nothing', '--events', events)
    expect(exit).toBe(1)
    expect(stderr).toContain('(IMAGE_UNKNOWN)')
  })
})

describe('following', () => {
  const start = (...args: string[]) => startCli([...args, '--socket', fixture.socket])
  const followed = async (hub: { readonly readers: number }): Promise<void> => {
    await expect.poll(() => hub.readers).toBe(1)
  }

  it('alerts prints one a line until it is stopped, and exits with 0', async () => {
    const run = start('alert', 'tail', '-o', 'ndjson')
    await followed(fixture.engine.news)
    fixture.engine.news.publish('alerts', sampleAlert('01-a'))
    fixture.engine.news.publish('alerts', sampleAlert('01-b'))
    await run.printed('01-b')
    run.stop.abort()
    expect(await run.exit).toBe(0)
    const lines = run.stdout().trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(['01-a', '01-b'])
  })

  it('alerts as YAML prints a document each', async () => {
    const run = start('alert', 'tail', '-o', 'yaml')
    await followed(fixture.engine.news)
    fixture.engine.news.publish('alerts', sampleAlert('01-a'))
    fixture.engine.news.publish('alerts', sampleAlert('01-b'))
    await run.printed('01-b')
    run.stop.abort()
    await run.exit
    const documents = parseAllDocuments(run.stdout()) as { toJS(): unknown }[]
    expect(documents.map((each) => each.toJS())).toEqual([sampleAlert('01-a'), sampleAlert('01-b')])
  })

  it('event tail requests every event and prints NDJSON by default', async () => {
    const run = start('event', 'tail', '--container', '40e5')
    await followed(fixture.engine.liveEventLog)
    fixture.engine.liveEventLog.publish('events', sampleEvent)
    await run.printed('\n')
    run.stop.abort()
    expect(await run.exit).toBe(0)
    expect(JSON.parse(run.stdout())).toEqual(sampleEvent)
    expect(fixture.engine.calls).toEqual([
      { name: 'liveEvents', args: [{ topics: ['events'], container: '40e5', raw: true }] },
    ])
  })

  it('an agent that goes away could not be done', async () => {
    const run = start('event', 'tail')
    await followed(fixture.engine.liveEventLog)
    fixture.stop.abort()
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toContain('(AGENT_UNREACHABLE)')
  })

  it('without an agent could not be done', async () => {
    const { exit, stderr } = await cli(['alert', 'tail', '--socket', join(dir, 'none')])
    expect(exit).toBe(1)
    expect(stderr).toContain('(AGENT_UNREACHABLE)')
  })
})

describe('recording', () => {
  const start = (...args: string[]) =>
    startCli(['event', 'record', ...args, '--socket', fixture.socket])
  const lines = (path: string): unknown[] =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)

  it('writes each event as a line and ends after --count', async () => {
    const path = join(dir, 'out.ndjson')
    const run = start(path, '--count', '2')
    await expect.poll(() => fixture.engine.liveEventLog.readers).toBe(1)
    for (let sent = 0; sent < 3; sent += 1)
      fixture.engine.liveEventLog.publish('events', sampleEvent)
    expect(await run.exit).toBe(0)
    expect(lines(path)).toEqual([sampleEvent, sampleEvent])
    expect(run.stderr()).toBe('recorded 2 events; none missed\n')
    expect(run.stdout()).toBe('')
  })

  it('ends after --for', async () => {
    const path = join(dir, 'out.ndjson')
    expect(await start(path, '--for', '50ms').exit).toBe(0)
    expect(readFileSync(path, 'utf8')).toBe('')
  })

  it('inserts a loss with the count where events were missed', async () => {
    const path = join(dir, 'out.ndjson')
    const run = start(path)
    await expect.poll(() => fixture.engine.liveEventLog.readers).toBe(1)
    // In one turn of the loop: the log holds 16.
    for (let sent = 0; sent < 20; sent += 1)
      fixture.engine.liveEventLog.publish('events', sampleEvent)
    await expect.poll(() => lines(path).length).toBe(17)
    run.stop.abort()
    expect(await run.exit).toBe(0)
    expect(lines(path)[0]).toMatchObject({ v: 1, kind: 'loss', loss: { count: 4 } })
    expect(run.stderr()).toContain('recorded 16 events; 4 missed')
  })

  it('that cannot write its file could not be done', async () => {
    const run = start(join(dir, 'no', 'such', 'folder'))
    expect(await run.exit).toBe(1)
    expect(run.stderr()).toContain('(SOURCE_UNREADABLE)')
  })
})
