import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/event/event.ts'
import { compileKernel } from '../../src/match/compile-kernel.ts'
import { behavioursOf } from '../../src/profile/behaviour.ts'
import { Profile } from '../../src/profile/profile.ts'
import { bypassActs, ordinaryActs } from '../fixtures/bypass-acts.ts'
import { buildImage, Container, removeTree } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../unit/act-fixture.ts'
import { Machine } from './machine.ts'

const scope = 7

/** A container whose profile is its ordinary acts, in block mode. */
interface Lane {
  readonly id: string
  readonly recorder: Recorder
  /** Names in the container's /data. */
  data(): Promise<string>
  run(command: string): Promise<string>
  stop(): Promise<void>
}

async function inMachine(): Promise<Lane> {
  const machine = await Machine.boot()
  const recorder = new Recorder({ sensorPath: machine.sensorPath })
  await recorder.until(() => recorder.source.state.kind === 'running', 'a sensor', 60_000)
  const container = await machine.container(randomBytes(32).toString('hex'), '/bin/bypass serve')
  return {
    id: container.id,
    recorder,
    data: () => machine.run(`ls /run/${container.id}/root/data`),
    run: (command) => container.run(command),
    stop: async () => {
      await container.stop()
      await recorder.stop()
      await machine.stop()
    },
  }
}

async function onThisKernel(): Promise<Lane> {
  const image = buildImage()
  const inImage = (path: string): string => join(image, 'image', path)
  const source = fileURLToPath(new URL('../fixtures/bypass-acts.c', import.meta.url))
  execFileSync('gcc', ['-O2', '-static', '-o', inImage('bin/bypass'), source])
  copyFileSync(inImage('bin/bypass'), inImage('bin/forbidden'))
  writeFileSync(inImage('data/allowed'), 'allowed\n')
  execFileSync('sh', [
    '-ec',
    'mkdir -p "$0/lib"; cp -L /lib64/ld-*.so* "$0/lib/loader"',
    inImage('.'),
  ])
  const recorder = new Recorder()
  await recorder.running()
  const container = new Container(image, 'bypass')
  return {
    id: container.id,
    recorder,
    data: () =>
      Promise.resolve(execFileSync('ls', [join(container.root, 'data')], { encoding: 'utf8' })),
    run: (command) => container.run(command),
    stop: async () => {
      await container.stop()
      await recorder.stop()
      removeTree(image)
    },
  }
}

async function learn(lane: Lane): Promise<void> {
  const { source } = lane.recorder
  await lane.run(['hold /etc/private', ...ordinaryActs, 'end'].join('\n'))
  await source.obeyed()
  const profile = new Profile(shaper)
  for (const event of lane.recorder.acts(lane.id)) {
    if (event.kind === 'file' && event.file.path === '/etc/private') continue
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  const { profile: compiled } = compileKernel(profile, { now: 0, shippedMatching: () => [] })
  source.control.profile?.(scope, compiled)
  source.control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  source.control.assign(lane.id, scope, { enforce: true })
  await source.obeyed()
}

interface Outcome {
  readonly result: string
  readonly told: readonly ActEvent[]
}

async function attempt(lane: Lane, line: string): Promise<Outcome> {
  lane.recorder.messages.length = 0
  const result = (await lane.run(`${line}\nend`)).trim()
  await lane.recorder.source.obeyed()
  return { result, told: lane.recorder.acts(lane.id) }
}

describe.each([
  ["Debian's kernel, by BPF LSM", 'lsm', inMachine],
  ['this kernel, by tracepoints and cgroup hooks', 'tracepoints', onThisKernel],
] as const)('in block mode on %s', (_, family, start) => {
  let lane: Lane
  beforeAll(async () => {
    lane = await start()
    await learn(lane)
  })
  afterAll(async () => {
    await lane.stop()
  })

  it.each(ordinaryActs)('what was learned goes on: %s', async (line) => {
    expect(await attempt(lane, line)).toEqual({ result: '0', told: [] })
  })

  it('from here on every act is told', async () => {
    lane.recorder.source.control.filter('off')
    await lane.recorder.source.obeyed()
  })

  it.each(bypassActs)('$name', async (act) => {
    const { result, told } = await attempt(lane, act.line)
    expect(result).toBe(act[family])
    if (result === '1') expect(told.map((event) => event.enforced)).toContain('blocked')
    if (result.startsWith('killed')) expect(told.map((event) => event.enforced)).toContain('killed')
  })

  it.runIf(family === 'lsm')('none of them left a trace in the container', async () => {
    expect((await lane.data()).split('\n')).toEqual(['allowed', 'compat', 'own'])
  })
})
