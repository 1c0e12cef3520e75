import { decisionKey, modeSubject, sliceKey } from '../../../src/fleet/nats/fleet-keys.ts'
import { parseFleetValue } from '../../../src/fleet/nats/fleet-values.ts'
import { editedJson, seedsOf } from './edited-json.ts'
import { coded } from './expect-coded.ts'

const seeds = seedsOf('fleet-values')
const nowMs = Date.parse('2026-11-24T13:40:27.000Z')
const image = { repository: 'shop/web', digest: `sha256:${'1'.repeat(64)}` }

/** Values that other nodes write into the bucket of a fleet. */
export function fuzz(data: Buffer): void {
  const value = editedJson(data, seeds)
  const { entry } = Object(value) as { readonly entry?: { readonly id?: unknown } }
  const subject = typeof entry?.id === 'string' ? entry.id : modeSubject
  for (const key of [sliceKey('n1', image, 0), decisionKey(image, subject)])
    coded(() => parseFleetValue(key, value, nowMs))
}
