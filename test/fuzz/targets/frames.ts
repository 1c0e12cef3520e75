import { FrameReader } from '../../../src/agent/pipeline/sources/ebpf/frame-reader.ts'
import { RecordDecoder } from '../../../src/agent/pipeline/sources/ebpf/record-decoder.ts'
import { parseEventLine } from '../../../src/core/event/parse-event.ts'
import { coded } from './expect-coded.ts'

/** What the sensor writes, in pieces. An event that is decoded can be written and read again. */
export function fuzz(data: Buffer): void {
  const reader = new FrameReader()
  const decoder = new RecordDecoder({ node: 'n1' })
  const cut = (data[0] ?? 0) % (data.length + 1)
  coded(() => {
    for (const piece of [data.subarray(1, cut), data.subarray(Math.max(1, cut))]) {
      for (const frame of reader.push(piece)) {
        const decoded = decoder.decode(frame)
        if (decoded?.type === 'event') parseEventLine(JSON.stringify(decoded.event))
      }
    }
  })
}
