import { describe, expect, it } from 'vitest'
import { base64Of } from '../../../src/supplychain/attest/dsse.ts'
import { attestationGrafeas } from '../../../src/supplychain/attest/grafeas.ts'
import type { GrafeasDocument } from '../../../src/supplychain/export/grafeas.ts'
import { gateGrafeas } from '../../../src/ci/gate/grafeas.ts'
import { act } from '../../fixtures/event-fixture.ts'
import { against, gate, service } from '../../fixtures/gate-fixtures.ts'
import { faultsOf } from '../../fixtures/grafeas-schema.ts'
import { joinedWith, trivy } from '../../fixtures/scan-fixtures.ts'

const image = `reg.local/shop/web@sha256:${'2'.repeat(64)}`
const about = { project: 'shop', image, time: '2026-11-24T14:00:00Z' }
const scan = await joinedWith(trivy)
const stopped = against(service(act.connect('203.0.113.9', 443, { exe: '/usr/bin/helper' })))

interface Occurrence {
  readonly resourceUri: string
  readonly noteName: string
  readonly kind: string
  readonly remediation?: string
  readonly vulnerability?: {
    readonly longDescription: string
    readonly packageIssue: readonly Readonly<Record<string, unknown>>[]
  }
  readonly compliance?: { readonly nonComplianceReason: string }
}

/** Both in the form of the published messages, joined as a server requires it. */
function checked({ notes, occurrences }: GrafeasDocument): readonly Occurrence[] {
  const kinds = new Map<string, unknown>()
  for (const [id, note] of Object.entries(notes)) {
    expect(faultsOf(note, 'Note')).toEqual([])
    const { name, kind } = note as { name: string; kind: string }
    expect(name).toBe(`projects/shop/notes/${id}`)
    kinds.set(name, kind)
  }
  return occurrences.map((one) => {
    expect(faultsOf(one, 'Occurrence')).toEqual([])
    const occurrence = one as Occurrence
    expect(kinds.get(occurrence.noteName)).toBe(occurrence.kind)
    expect(occurrence.resourceUri).toBe(`https://${image}`)
    return occurrence
  })
}

describe('the check by the published messages', () => {
  it('detects members that they do not have', () => {
    const note = { name: 'x', kind: 'COMPLIANCE', compliance: { title: 'x' } }
    expect(faultsOf(note, 'Note')).toEqual([])
    const wrong = { ...note, kind: 'NONE', vulnerability: {}, extra: 1, expirationTime: 'soon' }
    expect(faultsOf({ ...wrong, compliance: { title: 1, version: {} } }, 'Note')).toEqual([
      'Note: more than one of type',
      'Note.kind: `NONE` is none of NoteKind',
      'Note.compliance.title: no string',
      'Note.compliance.version: no list',
      'Note.extra: not in Note',
      'Note.expirationTime: no time',
    ])
  })
})

describe('the result of a gate in Grafeas', () => {
  it('has the discovery and the findings that do not comply', () => {
    const occurrences = checked(gateGrafeas({ ...about, result: stopped }))
    expect(
      occurrences.map(({ kind, noteName }) => `${kind} ${noteName.split('/').at(-1)}`),
    ).toEqual(['DISCOVERY snug-gate', 'COMPLIANCE snug-gate-new-peer'])
    const [, peer] = occurrences
    expect(peer?.compliance?.nonComplianceReason).toContain('203.0.113.9:443')
    expect(peer?.remediation).toMatch(/^change the image, or approve b[0-9a-f]+$/)
  })

  it('has only the discovery for an image that passes', () => {
    const occurrences = checked(gateGrafeas({ ...about, result: against(service()) }))
    expect(occurrences).toHaveLength(1)
    const approved = stopped.findings.map((one) => ({
      ...one,
      approved: { owner: 'x', until: '2027-01-01T00:00:00Z', reason: 'y' },
    }))
    const result = { ...stopped, findings: approved }
    expect(checked(gateGrafeas({ ...about, result }))).toHaveLength(1)
  })

  it('has each vulnerability once, and for each package whether it runs and its fix', () => {
    const result = gate({ scan })
    const document = gateGrafeas({ ...about, result, scan })
    const found = checked(document).filter(({ kind }) => kind === 'VULNERABILITY')
    expect(found).toHaveLength(scan.findings.length)
    const of = (id: string): Occurrence | undefined =>
      found.find(({ noteName }) => noteName.endsWith(`/${id}`))
    expect(of('CVE-1')?.vulnerability?.longDescription).toMatch(/in use: /)
    expect(of('CVE-1')?.vulnerability?.packageIssue[0]).toMatchObject({
      affectedPackage: 'nginx',
      affectedVersion: { kind: 'NORMAL', fullName: '1.22.1-9' },
      fixedPackage: 'nginx',
      fixAvailable: true,
    })
    expect(of('CVE-2')?.vulnerability?.packageIssue[0]).toMatchObject({
      fixedVersion: { kind: 'MAXIMUM' },
      fixAvailable: false,
    })
    // Members that a server requires, by its own checks.
    for (const { vulnerability } of found) {
      for (const issue of vulnerability?.packageIssue ?? []) {
        for (const member of [
          'affectedCpeUri',
          'affectedPackage',
          'affectedVersion',
          'fixedVersion',
        ]) {
          expect(issue[member]).toBeTruthy()
        }
      }
    }
  })

  it('has valid names, whatever a report calls its findings', () => {
    const [first] = scan.findings
    if (first === undefined) throw new Error('nothing was found')
    const odd = { ...scan, findings: [{ ...first, id: '../x y/"\n' }] }
    const document = gateGrafeas({ ...about, result: against(service()), scan: odd })
    expect(checked(document).at(-1)?.noteName).toBe('projects/shop/notes/..%2Fx%20y%2F%22%0A')
  })
})

it('an attestation is included as it was signed', () => {
  const payload = base64Of(new TextEncoder().encode('{"a":"??>>"}'))
  const envelope = {
    payloadType: 'application/vnd.in-toto+json',
    payload: payload.replaceAll('/', '_').replaceAll('+', '-'),
    signatures: [{ keyid: 'k', sig: 'AA-_' }],
  }
  const [occurrence] = checked(attestationGrafeas([{ what: 'profile', envelope }], about))
  expect(occurrence).toMatchObject({
    kind: 'DSSE_ATTESTATION',
    dsseAttestation: { envelope: { payload, signatures: [{ keyid: 'k', sig: 'AA+/' }] } },
  })
})
