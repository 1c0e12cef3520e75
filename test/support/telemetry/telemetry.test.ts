import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SelfProbeView } from '../../../src/api/status-views.ts'
import { actKindsOfHost, stopsOf } from '../../../src/support/telemetry/host-acts.ts'
import { checkHost } from '../../../src/support/telemetry/host-checks.ts'
import { createLog, stageLog } from '../../../src/support/telemetry/log.ts'
import { createMetrics } from '../../../src/support/telemetry/metrics.ts'
import { MemoryEngine } from '../../fixtures/server-fixtures.ts'

function logLines(level: string) {
  const lines: Record<string, unknown>[] = []
  const sink = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)) as Record<string, unknown>)
      done()
    },
  })
  return { log: createLog(level, sink), lines }
}

describe('the log', () => {
  it('names the stage, the level and the time of each line', () => {
    const { log, lines } = logLines('info')
    stageLog(log, 'judge').warn({ count: 3 }, 'queue overflowed')
    expect(lines).toEqual([
      {
        level: 'warn',
        time: expect.stringMatching(/Z$/),
        stage: 'judge',
        count: 3,
        msg: 'queue overflowed',
      },
    ])
  })

  it('hides secrets and keeps to its level', () => {
    const { log, lines } = logLines('info')
    log.debug('not this')
    log.info({ token: 'hunter2', headers: { authorization: 'Bearer hunter2' } }, 'called')
    expect(lines).toHaveLength(1)
    expect(JSON.stringify(lines)).not.toContain('hunter2')
  })
})

describe('the metrics', () => {
  it('count a label value that is not foreseen as `other`', async () => {
    const metrics = createMetrics()
    for (const status of ['2xx', 'x"}\nevil 1', '7xx']) {
      metrics.count('snug_server_requests_total', { listener: 'front', status })
    }
    const text = await metrics.expose()
    expect(text).toContain('snug_server_requests_total{listener="front",status="2xx"} 1')
    expect(text).toContain('snug_server_requests_total{listener="front",status="other"} 2')
    expect(text).not.toContain('evil')
  })

  it('show the status of the moment they are read', async () => {
    const metrics = createMetrics()
    const engine = new MemoryEngine()
    metrics.observe(
      () => engine.status(),
      () => [],
    )
    expect(await metrics.expose()).toContain('snug_agent_state{state="running"} 1')
    engine.state = 'degraded'
    const text = await metrics.expose()
    expect(text).toContain('snug_agent_state{state="running"} 0')
    expect(text).toContain('snug_agent_state{state="degraded"} 1')
    expect(text).toContain('snug_source_lost_total{source="ebpf",reason="ring-full"} 2')
  })

  it('are named `snug_…`, and end in `_total` just where they count', async () => {
    const metrics = createMetrics()
    metrics.observe(
      () => new MemoryEngine().status(),
      () => [],
    )
    const types = [...(await metrics.expose()).matchAll(/^# TYPE (\S+) (\S+)$/gm)]
    expect(types.length).toBeGreaterThan(15)
    for (const [, name = '', type] of types) {
      expect(name).toMatch(/^snug_[a-z_]+$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
    }
  })

  it('of two daemons in one process do not meet', async () => {
    const [one, other] = [createMetrics(), createMetrics()]
    one.count('snug_server_requests_total', { listener: 'front', status: '2xx' })
    expect(await other.expose()).not.toContain('status="2xx"')
  })
})

describe('the metrics of blocking', () => {
  it('distinguish a self-probe that never ran from one that failed', async () => {
    const metrics = createMetrics()
    const engine = new MemoryEngine()
    let selfProbe: SelfProbeView | undefined
    metrics.observe(
      () => ({ ...engine.status(), ...(selfProbe && { selfProbe }) }),
      () => [],
    )
    expect(await metrics.expose()).toContain('snug_self_probe_state{state="none"} 1')
    const time = '2026-11-24T13:40:00Z'
    selfProbe = { time, ok: false, stopped: ['exec'], missed: ['open'], runs: 3, failures: 1 }
    const text = await metrics.expose()
    expect(text).toContain('snug_self_probe_state{state="failed"} 1')
    expect(text).toContain('snug_self_probe_state{state="none"} 0')
    expect(text).toMatch(/^snug_self_probe_runs_total 3$/m)
    expect(text).toMatch(/^snug_self_probe_failures_total 1$/m)
    expect(text).toContain(`snug_self_probe_last_time_seconds ${Date.parse(time) / 1000}`)
    expect(text).toMatch(/^snug_kernel_disagreements_total 0$/m)
  })
})

describe('the checks of a host', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'snug-host-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  const put = (path: string, text: string): void => {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const check = (kernel = '6.12.0-cloud') =>
    checkHost({ root, kernel, dockerSocket: join(root, 'docker.sock') })
  const able = (): void => {
    put('proc/self/status', 'Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n')
    put('proc/self/mounts', 'none /sys/fs/cgroup cgroup2 rw 0 0\nnone /sys/fs/bpf bpf rw 0 0\n')
    put('sys/kernel/btf/vmlinux', 'BTF')
    put('sys/kernel/security/lsm', 'lockdown,capability,bpf\n')
    put('sys/kernel/security/lockdown', '[none] integrity confidentiality\n')
  }
  const lacks = async (kernel?: string) =>
    (await check(kernel)).checks.filter(({ ok }) => !ok).map(({ name }) => name)

  it('find all but Docker on a host that has all but Docker', async () => {
    able()
    expect(await lacks()).toEqual(['docker'])
    const { acts } = await check()
    expect(acts.every(({ seen }) => seen === 'yes')).toBe(true)
  })

  it('do not miss Docker where Podman answers', async () => {
    able()
    const socket = join(root, 'podman.sock')
    const server = createServer().listen(socket)
    await once(server, 'listening')
    const paths = { root, kernel: '6.12', dockerSocket: join(root, 'docker.sock') }
    try {
      const { checks } = await checkHost({ ...paths, podmanSockets: [socket] })
      expect(checks.filter(({ ok }) => !ok)).toEqual([])
      expect(checks.at(-1)).toMatchObject({ name: 'podman', found: `${socket}: answers` })
    } finally {
      server.close()
    }
  })

  it('name the command that starts Podman’s socket where it is installed without', async () => {
    able()
    put('usr/bin/podman', '')
    const paths = { root, kernel: '6.12', dockerSocket: join(root, 'docker.sock') }
    const { checks } = await checkHost({ ...paths, podmanSockets: [join(root, 'podman.sock')] })
    const [docker, podman] = checks.slice(-2)
    expect(docker).toMatchObject({ name: 'docker', ok: false })
    expect(podman?.advice).toContain('systemctl enable --now podman.socket')
  })

  it('leave it to the running agent to report what is stopped', async () => {
    able()
    const { acts } = await check()
    expect(acts.every(({ stopped }) => stopped === 'reported by the running agent')).toBe(true)
  })

  it('state for each kind of event what happens to a deviation, from the output of the sensor', async () => {
    able()
    const { checks } = await check()
    const stops = stopsOf([
      { kernel: '6.18' },
      {
        'stop.exec': 'killed',
        'stop.open': 'killed',
        'stop.receive': 'unseen',
        'stop.delete': 'alerted',
        'stop.connect': 'blocked',
        'stop.server-name': 'blocked',
      },
    ])
    const acts = new Map(actKindsOfHost(checks, stops).map(({ act, stopped }) => [act, stopped]))
    expect(acts.get('exec')).toBe('killed')
    expect(acts.get('file')).toBe(
      'killed: open; unseen: receive; alerted: delete, rename, truncate, link, setattr, map',
    )
    expect(acts.get('connect')).toBe('blocked: connect, server-name; alerted: send, unix')
    expect(acts.get('identity')).toBe('alerted')
    expect(stopsOf([{ kernel: '6.18' }])).toEqual([])
  })

  it.each([
    ['5.7.0', 'kernel'],
    ['4.19.1', 'kernel'],
  ])('find kernel %s too old', async (kernel, name) => {
    able()
    expect(await lacks(kernel)).toContain(name)
  })

  it.each([
    ['rights', 'proc/self/status', 'Uid:\t1000\t1000\t0\t0\nCapEff:\t0000000000000000\n'],
    ['lockdown', 'sys/kernel/security/lockdown', 'none integrity [confidentiality]\n'],
    ['bpf-lsm', 'sys/kernel/security/lsm', 'lockdown,capability,apparmor\n'],
    ['cgroup-v2', 'proc/self/mounts', 'none /sys/fs/cgroup/memory cgroup rw 0 0\n'],
    ['bpffs', 'proc/self/mounts', 'none /sys/fs/cgroup cgroup2 rw 0 0\n'],
  ])('miss `%s` and advise what to do', async (name, path, text) => {
    able()
    put(path, text)
    const found = (await check()).checks.find((each) => each.name === name)
    expect(found).toMatchObject({ ok: false, advice: expect.any(String) })
  })

  it('report that events cannot be observed without rights', async () => {
    able()
    put('proc/self/status', 'Uid:\t1000\t1000\t0\t0\nCapEff:\t0000000000000000\n')
    const { acts } = await check()
    expect(acts[0]?.seen).toBe('no: lacks rights')
  })

  it('answer on this very host without throwing', async () => {
    const { checks } = await checkHost()
    expect(checks.find(({ name }) => name === 'node')?.ok).toBe(true)
  })
})
