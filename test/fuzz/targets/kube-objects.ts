import type { KubeObject } from '../../../src/fleet/kubernetes/object.ts'
import { parseImageProfile, parseSlice } from '../../../src/fleet/kubernetes/fleet-schema.ts'
import { specDecisionOf } from '../../../src/fleet/kubernetes/spec-decision.ts'
import { editedJson, seedsOf } from './edited-json.ts'
import { coded } from './expect-coded.ts'

const seeds = seedsOf('kube-objects')
const nowMs = Date.parse('2026-11-24T13:40:27.000Z')

/** Objects that other nodes and people write into the cluster. What is taken must be usable. */
export function fuzz(data: Buffer): void {
  const value = editedJson(data, seeds) as KubeObject | undefined
  if (value === undefined) return
  const profile = coded(() => parseImageProfile(value, nowMs))
  if (profile !== undefined) specDecisionOf(profile)
  coded(() => parseSlice(value, nowMs))
}
