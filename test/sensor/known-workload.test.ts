import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { buildImage, Container, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

const times = 23
let image: string
let recorder: Recorder
let container: Container | undefined

beforeAll(() => {
  image = buildImage()
})
afterAll(() => {
  removeTree(image)
})
afterEach(async () => {
  await container?.stop()
  container = undefined
  await recorder.stop()
})

async function started(): Promise<Container> {
  await recorder.running()
  container = new Container(image)
  // What brings the program to its start is over, and reported.
  await container.run('repeat 0')
  await recorder.source.obeyed()
  return container
}

/** What a process is called in its own PID namespace. */
function numberInside(pid: number): number {
  const numbers = /^NSpid:(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(numbers?.trim().split('\t').at(-1))
}

describe('a known workload', () => {
  it('gives exactly its execs, opens and connects with paths, arguments, uid and container', async () => {
    recorder = new Recorder()
    recorder.source.control.filter('off')
    const { id, run } = bound(await started())
    await recorder.source.obeyed()
    const before = recorder.acts(id).length
    await run('known')
    await recorder.source.obeyed()
    const acts = recorder.acts(id).slice(before)
    const numbers = [...Array(times).keys()]

    const execs = acts.filter((event) => event.kind === 'exec')
    expect(execs.map((event) => event.process.args?.join(' '))).toEqual(
      numbers.map((n) => `/bin/workload nothing ${n}`),
    )
    for (const { exec, process } of execs) {
      expect(exec).toEqual({ path: '/bin/workload', drift: false })
      expect(process.uid).toBe(0)
      expect(process.parent).toBe('/bin/workload')
      expect(process.origin).toBe('entrypoint')
    }
    const files = acts.flatMap((event) => (event.kind === 'file' ? [event.file] : []))
    expect(files).toEqual(
      numbers.map((n) => ({ path: `/data/file-${n}`, access: ['write', 'create'] })),
    )
    const makers = acts.flatMap((event) => (event.kind === 'file' ? [event.process] : []))
    for (const { pid, vpid } of makers) expect(vpid).toBe(numberInside(pid))
    const connects = acts.flatMap((event) => (event.kind === 'connect' ? [event.connect] : []))
    expect(connects).toEqual(
      numbers.map((n) => ({ protocol: 'tcp', address: '127.0.0.1', port: 20000 + n })),
    )
    expect(new Set(acts.map((event) => event.container.id))).toEqual(new Set([id]))
  })

  it('is reported once, and repeats come as counts that add up', async () => {
    recorder = new Recorder()
    const { id, run } = bound(await started())
    recorder.source.control.assign(id, 7)
    // From then on everything is new once more.
    await recorder.source.obeyed()
    await run('repeat 1')
    await recorder.source.obeyed()
    await run('repeat 4')
    recorder.source.control.flush()
    await recorder.source.obeyed()
    const connects = recorder.messages.flatMap((message) =>
      message.type === 'event' &&
      message.event.kind === 'connect' &&
      message.event.container.id === id
        ? [message]
        : [],
    )
    expect(connects).toHaveLength(times)
    const keys = new Set(connects.map((message) => message.key))
    expect(keys.size).toBe(times)
    const counted = (): number =>
      recorder
        .countUpdates(id)
        .filter((countUpdate) => keys.has(countUpdate.key))
        .reduce((sum, countUpdate) => sum + countUpdate.count, 0)
    expect(counted()).toBe(times * 4)
  })

  it('stays in the kernel in the next container of the version, but for its counts', async () => {
    recorder = new Recorder()
    const first = bound(await started())
    recorder.source.control.assign(first.id, 9)
    await recorder.source.obeyed()
    await first.run('known')
    await recorder.source.obeyed()
    await first.run('known')
    await recorder.source.obeyed()
    const keys = recorder.messages.flatMap((message) =>
      message.type === 'event' && message.key !== undefined ? [message.key] : [],
    )
    recorder.source.control.known(9, keys)
    await first.stop()
    await recorder.until(
      () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === first.id),
      'the end of the first container',
    )

    const second = bound(await started())
    recorder.source.control.assign(second.id, 9)
    await recorder.source.obeyed()
    const reported = recorder.acts(second.id).length
    await second.run('known')
    recorder.source.control.flush()
    await recorder.source.obeyed()
    const acts = new Set(
      recorder.messages.flatMap((message) =>
        message.type === 'event' && ['exec', 'file', 'connect'].includes(message.event.kind)
          ? [message.key]
          : [],
      ),
    )
    const counted = (): number =>
      recorder
        .countUpdates(second.id)
        .filter((countUpdate) => acts.has(countUpdate.key))
        .reduce((sum, countUpdate) => sum + countUpdate.count, 0)
    // 23 opens and 23 connects are separate behaviours; the 23 execs are one and the same.
    const fresh = recorder.acts(second.id).slice(reported)
    // The first container created these files; this one creates them again, which is learned too.
    expect(fresh).toEqual([])
    expect(counted()).toBe(times * 3)
  })
})

interface Bound {
  readonly id: string
  readonly run: (command: string) => Promise<string>
  readonly stop: () => Promise<void>
}

function bound(held: Container): Bound {
  return {
    id: held.id,
    run: (command) => held.run(command),
    stop: async () => {
      container = undefined
      await held.stop()
    },
  }
}
