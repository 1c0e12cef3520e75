import type { Verified } from '../../src/attest/verify.ts'
import type { Attested, ImageEvidence } from '../../src/admit/judge-image.ts'
import type { AdmissionPolicy, ImageRequirements } from '../../src/admit/policy.ts'
import type { AttestedGate } from '../../src/gate/parse-result.ts'

export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`
export const made = '2026-11-24T13:00:00Z'

export const requirements: ImageRequirements = {
  profile: true,
  gate: true,
  digest: false,
  forbiddenBases: [],
  registries: ['reg.local:5000', 'docker.io'],
}

export function policyOf(more: Partial<AdmissionPolicy> = {}): AdmissionPolicy {
  return { images: requirements, namespaces: [], action: 'deny', failClosed: false, ...more }
}

export function good<Said>(said: Said, expires?: string): Attested<Said> {
  const verified: Verified<Said> = {
    digests: [digestOf('1')],
    said,
    made,
    keyId: 'ab'.repeat(32),
    ...(expires === undefined ? {} : { expires }),
  }
  return { kind: 'good', verified }
}

export function gateOf(passed: boolean): AttestedGate {
  const counts = { approve: passed ? 0 : 2, warn: 0, note: 0, approved: 0 }
  return { schema: 'snug.gate-result/v1', image: 'x', passed, counts }
}

export const trusted: ImageEvidence = { profile: good({}), gate: good(gateOf(true)) }

/** A review as the API server sends it. */
export function reviewOf(request: object): object {
  return {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      namespace: 'shop',
      name: 'web-1',
      operation: 'CREATE',
      userInfo: { username: 'someone' },
      oldObject: null,
      dryRun: false,
      ...request,
    },
  }
}

export function podOf(...images: readonly string[]): object {
  return { spec: { containers: images.map((image, at) => ({ name: `c${at}`, image })) } }
}
