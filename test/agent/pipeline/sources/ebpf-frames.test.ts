import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SnugError } from '../../../../src/errors.ts'
import {
  actorFlags,
  constants,
  fileFlags,
  frameTypes,
  kinds,
  layout,
} from '../../../../src/agent/pipeline/sources/ebpf/abi.ts'
import {
  encodeAssign,
  encodeKnown,
  encodePing,
} from '../../../../src/agent/pipeline/sources/ebpf/command-encoder.ts'
import { FrameReader } from '../../../../src/agent/pipeline/sources/ebpf/frame-reader.ts'
import { nameOfBytes } from '../../../../src/agent/pipeline/sources/ebpf/kernel-name.ts'
import { RecordDecoder } from '../../../../src/agent/pipeline/sources/ebpf/record-decoder.ts'
import { behaviourKey } from '../../../../src/agent/pipeline/sources/source.ts'

function frame(type: number, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(8 + body.length)
  bytes.writeUInt32LE(body.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt8(constants.abi, 6)
  bytes.set(body, 8)
  return bytes
}

const frames = fc.array(
  fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.uint8Array({ maxLength: 400 })),
  { maxLength: 12 },
)

describe('the frame reader', () => {
  it('gives the frames that went in, however the stream was cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(4000), { maxLength: 20 }), (sent, cuts) => {
        const all = Buffer.concat(sent.map(([type, body]) => frame(type, body)))
        const places = [...new Set(cuts.map((cut) => cut % (all.length + 1)))].sort((a, b) => a - b)
        const reader = new FrameReader()
        const got: [number, number[]][] = []
        let from = 0
        for (const to of [...places, all.length]) {
          for (const { type, bytes } of reader.push(all.subarray(from, to))) {
            got.push([type, [...bytes.subarray(8)]])
          }
          from = to
        }
        expect(got).toEqual(sent.map(([type, body]) => [type, [...body]]))
        expect(reader.pending).toBe(0)
      }),
    )
  })

  it('survives any bytes: frames or a coded error, and no frame beyond its bound', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 }), (chunks) => {
        const reader = new FrameReader()
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk))
        } catch (error) {
          expect(error).toBeInstanceOf(SnugError)
          expect(error).toMatchObject({ code: 'SENSOR_PROTOCOL' })
        }
      }),
    )
  })

  it('refuses a frame that is longer than any', () => {
    const head = frame(frameTypes.event, Buffer.alloc(0))
    head.writeUInt32LE(constants.frameMax, 0)
    expect(() => new FrameReader().push(head)).toThrow(
      expect.objectContaining({ code: 'SENSOR_PROTOCOL' }),
    )
  })
})

describe('the record decoder', () => {
  it('survives any frame: a message or a coded error', () => {
    const type = fc.constantFrom(...Object.values(frameTypes), 0, 999)
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.uint8Array({ maxLength: 300 }))), (sent) => {
        const decoder = new RecordDecoder({ node: 'n1' })
        for (const [kind, body] of sent) {
          try {
            decoder.decode({ type: kind, bytes: frame(kind, body) })
          } catch (error) {
            expect(error).toMatchObject({ code: 'SENSOR_PROTOCOL' })
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  it('reads every record of an event or fails with an error code', () => {
    const container = Buffer.alloc(layout.snug_container)
    frame(frameTypes.container, Buffer.alloc(layout.snug_container - 8)).copy(container)
    container.writeBigUInt64LE(7n, layout['snug_container.container'])
    container.write('ab'.repeat(32), layout['snug_container.id'], 'latin1')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: layout.snug_event - 8, maxLength: 600 }), (body) => {
        const decoder = new RecordDecoder({ node: 'n1' })
        decoder.decode({ type: frameTypes.container, bytes: container })
        const bytes = frame(frameTypes.event, body)
        bytes.writeBigUInt64LE(7n, layout['snug_event.container'])
        bytes.writeBigUInt64LE(1_000n, layout['snug_event.time'])
        bytes.writeUInt8(((body[0] ?? 0) % 7) + 1, layout['snug_event.kind'])
        bytes.writeUInt16LE((body[1] ?? 0) % 200, layout['snug_event.text_size'])
        bytes.writeUInt16LE((body[2] ?? 0) % 200, layout['snug_event.to_size'])
        try {
          const decoded = decoder.decode({ type: frameTypes.event, bytes })
          expect(decoded).toMatchObject({ type: 'event', event: { v: 1, source: 'ebpf' } })
        } catch (error) {
          expect(error).toMatchObject({ code: 'SENSOR_PROTOCOL' })
        }
      }),
      { numRuns: 500 },
    )
  })

  it('reads the file of an execution that drifted, with the device as stat has it', () => {
    const container = frame(frameTypes.container, Buffer.alloc(layout.snug_container - 8))
    container.writeBigUInt64LE(7n, layout['snug_container.container'])
    container.write('ab'.repeat(32), layout['snug_container.id'], 'latin1')
    const bytes = frame(frameTypes.event, Buffer.alloc(layout.snug_event - 8))
    bytes.writeBigUInt64LE(7n, layout['snug_event.container'])
    bytes.writeUInt8(kinds.exec, layout['snug_event.kind'])
    bytes.writeUInt16LE(actorFlags.driftUpper, layout['snug_event.actor_flags'])
    const read = (): unknown => {
      const decoder = new RecordDecoder({ node: 'n1' })
      decoder.decode({ type: frameTypes.container, bytes: container })
      const decoded = decoder.decode({ type: frameTypes.event, bytes })
      return decoded?.type === 'event' && decoded.event.kind === 'exec' ? decoded.event.exec : {}
    }
    expect(read()).toMatchObject({ drift: true, unhashed: 'file-system' })
    bytes.writeBigUInt64LE(2n ** 63n + 1n, layout['snug_event.file_inode'])
    bytes.writeBigUInt64LE(1_796_133_276_216_586_174n, layout['snug_event.file_changed'])
    bytes.writeBigUInt64LE(4_096n, layout['snug_event.file_size'])
    bytes.writeBigUInt64LE(9n, layout['snug_event.executed'])
    // 259:65537, as of a partition of a disk with many.
    bytes.writeUInt32LE((259 << 20) | 65_537, layout['snug_event.file_device'])
    bytes.writeUInt32LE(fileFlags.inMemory, layout['snug_event.file_flags'])
    expect(read()).toMatchObject({
      file: {
        device: 65_536 * 4_096 + 259 * 256 + 1,
        inode: '9223372036854775809',
        changed: '1796133276216586174',
        bytes: 4_096,
        executed: '9',
        inMemory: true,
      },
    })
    expect(read()).not.toHaveProperty('unhashed')
    expect(read()).not.toHaveProperty('file.script')
  })

  it('reads since when a container is assigned to its version, where that is not from its start', () => {
    const bytes = frame(frameTypes.assigned, Buffer.alloc(layout.snug_assigned - 8))
    bytes.write('ab'.repeat(32), layout['snug_assigned.id'], 'latin1')
    bytes.writeBigUInt64LE(9n, layout['snug_assigned.scope'])
    const read = (): unknown => {
      const decoder = new RecordDecoder({ node: 'n1' })
      return decoder.decode({ type: frameTypes.assigned, bytes })
    }
    const report = { kind: 'assigned', container: 'ab'.repeat(32), scope: 9, enforced: false }
    expect(read()).toEqual({ type: 'policy', report })
    bytes.writeBigUInt64LE(1_500_000n, layout['snug_assigned.since'])
    bytes.writeUInt32LE(1, layout['snug_assigned.traits'])
    expect(read()).toEqual({
      type: 'policy',
      report: { ...report, enforced: true, since: '1970-01-01T00:00:00.001500Z' },
    })
  })

  it('reports an event of an unknown container as a loss', () => {
    const decoder = new RecordDecoder({ node: 'n1' })
    const bytes = frame(frameTypes.event, Buffer.alloc(layout.snug_event - 8))
    expect(decoder.decode({ type: frameTypes.event, bytes })).toMatchObject({
      event: { kind: 'loss', loss: { reason: 'container-unknown', count: 1 } },
    })
  })
})

describe('names from the kernel', () => {
  it('stay apart, whatever their bytes', () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 24 })
    fc.assert(
      fc.property(name, name, (a, b) => {
        const same = Buffer.compare(a, b) === 0
        expect(nameOfBytes(Buffer.from(a)) === nameOfBytes(Buffer.from(b))).toBe(same)
      }),
      {
        numRuns: 2_000,
        examples: [
          [Buffer.from('\\xff'), Buffer.from([0xff])],
          [Buffer.from([0xef, 0xbb, 0xbf, 0x61]), Buffer.from('a')],
          [Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('\ufffd')],
        ],
      },
    )
  })

  it('are themselves where they are text', () => {
    expect(nameOfBytes(Buffer.from('/etc/naïve ☕\n'))).toBe('/etc/naïve ☕\n')
    expect(nameOfBytes(Buffer.from([0x61, 0xff, 0x5c]))).toBe('a\\xff\\\\')
  })
})

describe('commands', () => {
  it('are frames of the sizes that the sensor expects', () => {
    const keys = [behaviourKey('00000000000000ff'), behaviourKey('8000000000000001')]
    const all = Buffer.concat([
      encodeAssign('ab'.repeat(32), 9),
      encodeKnown(9, keys),
      encodePing(3n),
    ])
    const read = new FrameReader().push(all)
    expect(read.map(({ type, bytes }) => [type, bytes.length])).toEqual([
      [frameTypes.assign, layout.snug_assign],
      [frameTypes.known, layout.snug_known + 16],
      [frameTypes.ping, layout.snug_ping],
    ])
    expect(read[1]?.bytes.readBigUInt64LE(layout.snug_known)).toBe(255n)
  })

  it('split more keys than a frame holds', () => {
    const keys = Array.from({ length: 200_000 }, () => behaviourKey('0000000000000001'))
    const read = new FrameReader().push(encodeKnown(1, keys))
    const sum = read.reduce((count, { bytes }) => count + (bytes.length - layout.snug_known) / 8, 0)
    expect(read.length).toBeGreaterThan(1)
    expect(sum).toBe(keys.length)
  })
})
