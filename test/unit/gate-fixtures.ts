import type { ActEvent } from '../../src/event/event.ts'
import { parseProfileDocument, profileDocument } from '../../src/export/profile-document.ts'
import type { ProfileDocument } from '../../src/export/profile-document.ts'
import type { GateResult } from '../../src/gate/finding.ts'
import { findAll, type GateInput, gateResult } from '../../src/gate/gate.ts'
import type { GatePolicy } from '../../src/gate/policy.ts'
import { loadGatePolicy } from '../../src/config/load-rules.ts'
import type { Profile } from '../../src/profile/profile.ts'
import { act, learned, shaper, shippedGuardrails } from './act-fixture.ts'

export const policy: GatePolicy = loadGatePolicy()
export const nowMs = Date.parse('2026-11-24T14:00:00Z')

/** A profile as a file has it. */
export function fileOf(profile: Profile, tag = '1'): ProfileDocument {
  const image = { repository: 'shop/web', tag, digest: `sha256:${tag.repeat(64).slice(0, 64)}` }
  return parseProfileDocument(JSON.parse(profileDocument(image, profile.entries())))
}

/** A service as it is: nginx as 101, that runs a helper and talks to its database. */
export function service(...more: readonly ActEvent[]): Profile {
  return learned(
    act.exec('/usr/sbin/nginx', { exe: '/docker-entrypoint.sh' }),
    act.file('/etc/nginx/nginx.conf'),
    act.file('/var/log/nginx/access.log', ['write']),
    act.exec('/usr/bin/helper'),
    act.connect('10.0.0.7', 5432, { exe: '/usr/bin/helper' }),
    act.listen('0.0.0.0', 80),
    ...more,
  )
}

export function gate(input: Partial<GateInput>): GateResult {
  const { policy: given = policy, ...rest } = input
  const rules = { guardrails: shippedGuardrails, shaper, nowMs }
  const all: GateInput = { image: 'shop/web:2', policy: given, ...rules, ...rest }
  return gateResult(all, findAll(all))
}

export function against(now: Profile, more: Partial<GateInput> = {}): GateResult {
  return gate({ profile: fileOf(now, '2'), baseline: fileOf(service()), ...more })
}

/** What is told of a result, short. */
export function told({ findings }: GateResult): readonly string[] {
  return findings.map(({ level, rule, text }) => `${level} ${rule}: ${text}`)
}
