import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent } from '../../src/event/event.ts'
import { Recorder } from '../sensor/recorder.ts'
import { Machine, type VmContainer } from './machine.ts'

let machine: Machine
let recorder: Recorder
let container: VmContainer

beforeAll(async () => {
  machine = await Machine.boot()
  recorder = new Recorder({ sensorPath: machine.sensorPath, log: (line) => console.error(line) })
  await recorder.until(() => recorder.source.state.kind === 'running', 'a running sensor', 60_000)
  recorder.source.control.filter('off')
  container = await machine.container(randomBytes(32).toString('hex'))
})
afterAll(async () => {
  await container.stop()
  await recorder.stop()
  await machine.stop()
})

/** The acts of a command. Another act, which nothing else does, tells that they have all come. */
async function actsOf(command: string): Promise<ActEvent[]> {
  const markers = (): number =>
    recorder
      .acts(container.id)
      .filter((event) => event.kind === 'file' && event.file.path === '/data/touched').length
  const mark = async (): Promise<number> => {
    const before = markers()
    await container.run('touch')
    await recorder.until(() => markers() > before, 'the marker', 60_000)
    return recorder.acts(container.id).length
  }
  const from = await mark()
  await container.run(command)
  return recorder.acts(container.id).slice(from, (await mark()) - 1)
}

describe("on Debian's kernel the sensor", () => {
  it('says which kernel it is, and that every hook is in place', () => {
    const { facts } = recorder.source.stats
    expect(facts['kernel']).toBe(machine.release)
    const hooks = Object.entries(facts).filter(([name]) => name.startsWith('hook.'))
    expect(hooks.length).toBeGreaterThan(10)
    for (const [, value] of hooks) expect(value).toBe('yes')
  })

  it('tells exactly the execs, opens and connects of a known workload', async () => {
    const acts = await actsOf('known')
    const numbers = [...Array(23).keys()]
    const execs = acts.filter((event) => event.kind === 'exec')
    expect(execs.map((event) => event.process.args?.join(' '))).toEqual(
      numbers.map((n) => `/bin/workload nothing ${n}`),
    )
    expect(acts.flatMap((event) => (event.kind === 'file' ? [event.file] : []))).toEqual(
      numbers.map((n) => ({ path: `/data/file-${n}`, access: ['write', 'create'] })),
    )
    expect(acts.flatMap((event) => (event.kind === 'connect' ? [event.connect] : []))).toEqual(
      numbers.map((n) => ({ protocol: 'tcp', address: '127.0.0.1', port: 20000 + n })),
    )
  })
})
