import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeFrame, MuxReader } from '../../../../src/agent/pipeline/identity/nri/mux.ts'
import {
  linkToNri,
  type NriHandlers,
} from '../../../../src/agent/pipeline/identity/nri/nri-link.ts'
import { encodeMessage } from '../../../../src/agent/pipeline/identity/nri/nri-messages.ts'
import { encodeTtrpc, TtrpcReader } from '../../../../src/agent/pipeline/identity/nri/ttrpc.ts'
import { containerId } from '../../../fixtures/kube-pods.ts'
import { ScriptedRuntime } from '../../../fixtures/nri-runtime.ts'

const sandbox = { id: containerId('sandbox'), uid: 'uid-web-1' }
const web = { id: containerId('web'), podSandboxId: sandbox.id, name: 'web', state: 1 }
const subject = { id: web.id, pod: sandbox.uid, container: 'web' }

let runtime: ScriptedRuntime
let ended: AbortController
let seen: unknown[]
let starting: NriHandlers['starting']
let link: Promise<void>

beforeEach(async () => {
  runtime = new ScriptedRuntime()
  await runtime.start()
  ended = new AbortController()
  seen = []
  starting = async () => undefined
})

afterEach(async () => {
  ended.abort()
  await link.catch(() => undefined)
  await runtime.stop()
})

function connect(socket = runtime.socket): void {
  link = linkToNri({
    socket,
    signal: ended.signal,
    handlers: {
      present: (subjects) => seen.push(['present', subjects]),
      created: (one) => seen.push(['created', one]),
      starting: (one, patienceMs) => {
        seen.push(['starting', one])
        return starting(one, patienceMs)
      },
      removed: (id) => seen.push(['removed', id]),
    },
  })
  link.catch(() => undefined)
}

async function connected(): Promise<void> {
  connect()
  await expect.poll(() => seen).toHaveLength(1)
}

const changed = (event: number, container: typeof web | null = web): Buffer =>
  encodeMessage('StateChange', { event, pod: sandbox, container })

describe('the plugin of the Node Resource Interface', () => {
  it('registers, asks for the events before a start and after an end, and gets what there is', async () => {
    runtime.present = { pods: [sandbox], containers: [web, { ...web, state: 4 }] }
    await connected()
    expect(runtime.registered).toEqual([{ pluginName: 'snug', pluginIdx: '90' }])
    const bits = [1, 3, 5, 6, 11].map((event) => 1 << (event - 1))
    expect(runtime.events).toBe(bits.reduce((sum, bit) => sum + bit, 0))
    const ofPod = { id: sandbox.id, pod: sandbox.uid, container: '' }
    expect(seen).toEqual([['present', [ofPod, subject]]])
  })

  it('hears of a container when it is made, before it starts and when it is removed', async () => {
    await connected()
    for (const event of [5, 6, 11]) await runtime.call('StateChange', changed(event))
    const whole = [
      ['created', subject],
      ['starting', subject],
      ['removed', web.id],
    ]
    expect(seen.slice(1)).toEqual(whole)
    // As later runtimes call it.
    const change = encodeMessage('Change', { pod: sandbox, container: web })
    for (const method of ['PostCreateContainer', 'StartContainer', 'RemoveContainer']) {
      await runtime.call(method, change)
    }
    expect(seen.slice(4)).toEqual(whole)
  })

  it('hears of a pod’s sandbox before it starts', async () => {
    await connected()
    for (const event of [1, 3]) await runtime.call('StateChange', changed(event, null))
    const ofPod = { id: sandbox.id, pod: sandbox.uid, container: '' }
    expect(seen.slice(1)).toEqual([
      ['starting', ofPod],
      ['removed', sandbox.id],
    ])
  })

  it('answers a start once it may go on, or says why it may not', async () => {
    await connected()
    let go = (): void => undefined
    starting = () => new Promise((resolve) => (go = resolve))
    const first = runtime.call('StateChange', changed(6))
    await expect.poll(() => seen).toHaveLength(2)
    expect(await Promise.race([first, runtime.call('Shutdown', Buffer.alloc(0))])).toMatchObject({
      status: null,
    })
    go()
    expect((await first).status).toBeNull()
    let patience = 0
    starting = async (_, ms) => void (patience = ms)
    await runtime.call('StateChange', changed(6), 700)
    expect(patience).toBe(700)
    starting = () => Promise.reject(new Error('x'.repeat(5_000)))
    const { status } = await runtime.call('StateChange', changed(6))
    expect(status).toEqual({ code: 2, message: 'x'.repeat(500) })
  })

  it('passes by what is no container of a pod, and what it does not know', async () => {
    await connected()
    await runtime.call('StateChange', changed(6, { ...web, id: '../../etc' }))
    await runtime.call('StateChange', changed(6, null))
    await runtime.call('StateChange', changed(12))
    expect(seen).toHaveLength(1)
    const { status } = await runtime.call('ValidateContainerAdjustment', Buffer.alloc(0))
    expect(status?.code).toBe(12)
  })

  const frame = (data: Buffer): Buffer => encodeFrame(1, data)
  const head = (size: number, type = 1, flags = 0): Buffer => {
    const bytes = Buffer.alloc(10)
    bytes.writeUInt32BE(size, 0)
    bytes.writeUInt8(type, 8)
    bytes.writeUInt8(flags, 9)
    return bytes
  }
  it.each([
    ['a frame that is too long', Buffer.from('00000001ffffffff', 'hex')],
    ['a message that is too long', frame(head(5 << 20))],
    ['a stream', frame(head(0, 1, 2))],
    ['a message of another type', frame(head(0, 3))],
    ['an answer that nobody asked for', frame(head(0, 2))],
    [
      'a request that cannot be read',
      frame(Buffer.concat([head(3), Buffer.from('ffffff', 'hex')])),
    ],
  ])('ends the connection with one error for %s', async (_, bytes) => {
    await connected()
    runtime.raw(bytes)
    await expect(link).rejects.toMatchObject({ code: 'NRI_PROTOCOL' })
  })

  it('ends by a code where the runtime registers no plugins, with its reason', async () => {
    runtime.refusal = 'plugins are disabled'
    connect()
    await expect(link).rejects.toMatchObject({
      code: 'NRI_REFUSED',
      message: expect.stringContaining('plugins are disabled'),
    })
  })

  it('ends when the runtime does', async () => {
    await connected()
    runtime.drop()
    await expect(link).resolves.toBeUndefined()
  })

  it('ends when the runtime does that has not read what it was sent', async () => {
    const socket = join(runtime.folder, 'deaf.sock')
    const deaf = createServer({ pauseOnConnect: true }, (plugin) => {
      setTimeout(() => plugin.destroy(), 20)
    }).listen(socket)
    await once(deaf, 'listening')
    connect(socket)
    await expect(link).resolves.toBeUndefined()
    deaf.close()
  })
})

describe('the frames of the Node Resource Interface', () => {
  const parts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 })
  const payloads = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 })

  function* cut(bytes: Buffer, sizes: readonly number[]): Iterable<Buffer> {
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = sizes[turn % sizes.length] ?? 1
      yield bytes.subarray(at, at + size)
      at += size
    }
  }

  it('are the same however the stream is cut', () => {
    fc.assert(
      fc.property(payloads, parts, parts, (given, outer, inner) => {
        const messages = given.map((data, index) => {
          const type = index % 2 === 0 ? ('request' as const) : ('response' as const)
          return { stream: index, type, data: Buffer.from(data) }
        })
        const stream = Buffer.concat(messages.map(encodeTtrpc))
        const trunk = Buffer.concat([...cut(stream, inner)].map((part) => encodeFrame(1, part)))
        const mux = new MuxReader()
        const ttrpc = new TtrpcReader()
        const read = [...cut(trunk, outer)]
          .flatMap((part) => mux.push(part))
          .flatMap(({ payload }) => ttrpc.push(payload))
        expect(read).toEqual(messages)
      }),
    )
  })

  it('of any bytes are frames or one error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const reader of [new MuxReader(), new TtrpcReader()]) {
          try {
            reader.push(Buffer.from(bytes))
          } catch (error) {
            expect(error).toMatchObject({ code: 'NRI_PROTOCOL' })
          }
        }
      }),
    )
  })
})
