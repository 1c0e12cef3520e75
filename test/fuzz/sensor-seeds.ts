import { compileKernel } from '../fixtures/without-pauses.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { frameTypes, layout } from '../../src/agent/pipeline/sources/ebpf/abi.ts'
import {
  encodeAck,
  encodeAssign,
  encodeEnforce,
  encodeFailClosed,
  encodeFilter,
  encodeFlush,
  encodeFound,
  encodeKnown,
  encodePeer,
  encodePing,
  encodeResolve,
} from '../../src/agent/pipeline/sources/ebpf/command-encoder.ts'
import { frame } from '../../src/agent/pipeline/sources/ebpf/frame.ts'
import { encodeProfile } from '../../src/agent/pipeline/sources/ebpf/profile-encoder.ts'
import type { BehaviourKey, SourceMark } from '../../src/agent/pipeline/sources/source.ts'
import { act, learned } from '../fixtures/event-fixture.ts'

export const deviations = [
  act.file('/srv/data/3f2504e0-4f89-41d3-9a0c-0305e82c3301/a.txt', ['read']),
  act.file('/srv/data/b', ['rename'], {}, { to: '/srv/data/c' }),
  act.run('/usr/bin/python3', ['python3', '-c', 'print(1)']),
  act.connect('10.0.0.7', 5432),
  act.listen('0.0.0.0', 8080),
  act.identity(0, 33),
  act.capability('CAP_NET_RAW'),
  act.syscall('mount', {}, '/mnt'),
]

/** What the daemon sends to the sensor. The first four bytes are of the target. */
export function commandSeeds(): Readonly<Record<string, Buffer>> {
  const { profile } = compileKernel(learned(...deviations), {
    now: microsOf('2026-11-24T13:40:27.123456Z'),
    shippedMatching: () => ['/srv/data/shipped'],
  })
  const id = '0'.repeat(64)
  const start = Buffer.from([255, 15, 0x3f, 255])
  const whole = encodeProfile(1, profile, 7)
  return {
    profile: Buffer.concat([start, whole]),
    'profile-assigned': Buffer.concat([
      start,
      encodeAssign(id, 1, {
        enforce: true,
        init: true,
        user: 33,
        probes: [['/bin/sh', '-c', 'x']],
      }),
      whole,
      encodeEnforce(1, { mode: 'block', budget: 100, except: ['connect'] }),
      encodeProfile(1, undefined),
    ]),
    'profile-without-memory': Buffer.concat([Buffer.from([63, 0, 1, 0]), whole]),
    others: Buffer.concat([
      start,
      encodeKnown(1, ['00000000000000ab' as BehaviourKey]),
      encodePeer({ address: '10.0.0.0/8', name: 'db' }),
      encodePeer({ address: '10.0.0.0/8', name: undefined }),
      encodeFailClosed(true),
      encodeFilter('novelty'),
      encodeFlush(),
      encodePing(1n),
      encodeAck('1,2,3' as SourceMark),
      encodeResolve(id, ['10.0.0.53']),
      encodeFound(id, { address: '10.0.0.7', name: 'db.example' }),
    ]),
  }
}

/** What the sensor sends. The first byte is of the target: where the bytes are cut in two. */
export function reportFrames(): Buffer {
  const hello = frame(frameTypes.hello, layout.snug_hello + 12)
  hello.write('kernel 6.12\n', layout.snug_hello)
  const container = frame(frameTypes.container, layout.snug_container + 6)
  container.writeBigUInt64LE(5n, layout['snug_container.container'])
  container.write('a'.repeat(64), layout['snug_container.id'], 'latin1')
  container.write('/a/b\0\0', layout.snug_container, 'latin1')
  const event = frame(frameTypes.event, layout.snug_event + 10)
  event.writeBigUInt64LE(5n, layout['snug_event.container'])
  event.writeUInt8(2, layout['snug_event.kind'])
  event.writeUInt8(1, layout['snug_event.origin'])
  event.writeUInt32LE(1, layout['snug_event.code'])
  event.writeUInt16LE(10, layout['snug_event.text_size'])
  event.write('/etc/hosts', layout.snug_event)
  const assigned = frame(frameTypes.assigned, layout.snug_assigned)
  assigned.write('a'.repeat(64), layout['snug_assigned.id'], 'latin1')
  assigned.writeBigUInt64LE(3n, layout['snug_assigned.scope'])
  assigned.writeBigUInt64LE(1_000n, layout['snug_assigned.since'])
  return Buffer.concat([Buffer.from([40]), hello, container, event, assigned])
}
