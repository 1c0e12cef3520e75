import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { profilePredicate, statementText } from '../../../src/supplychain/attest/statement.ts'
import { exportProfile } from '../../fixtures/without-pauses.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { goProgram } from '../../fixtures/go-program.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import { profile } from '../../fixtures/scan-fixtures.ts'

/** The protobufs of in-toto come from Debian. */
function verdicts(statements: readonly object[]): readonly string[] {
  const input = statements.map((each) => JSON.stringify(each)).join('\n')
  return execFileSync(goProgram('in-toto-check'), { input }).toString().trim().split('\n')
}

const trace = JSON.parse(
  exportProfile('in-toto', profile.image, Profile.load(profile.behaviours, shaper)).text,
) as object
const subject = { name: 'shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const attested = JSON.parse(
  statementText(
    profilePredicate,
    subject,
    { content: profile, made: '2026-11-24T14:00:00Z', expires: '2027-02-24T14:00:00Z' },
    '1.0.0',
  ),
) as object

it('writes statements that in-toto’s own published schema and validation take', () => {
  expect(verdicts([trace, attested])).toEqual(['ok', 'ok'])
})

it('gets a specific error for each invalid statement', () => {
  const wrong: readonly (readonly [string, object])[] = [
    ['wrong statement type', { ...trace, _type: 'https://in-toto.io/Statement/v0.1' }],
    ['unknown field', { ...trace, extra: true }],
    ['at least one digest required', { ...attested, subject: [{ name: 'shop/web' }] }],
    ['incorrect length', { ...attested, subject: [{ name: 'web', digest: { sha256: 'ab' } }] }],
    ['predicate object required', { ...attested, predicate: undefined }],
    ['at least one of name, URI', predicate({ monitorLog: { fileAccess: [{ annotations: {} }] } })],
    ['Timestamp', predicate({ metadata: { buildStartedOn: 'yesterday' } })],
  ]
  const reported = verdicts(wrong.map(([, statement]) => statement))
  for (const [at, [word]] of wrong.entries()) expect(reported[at]).toContain(word)
})

function predicate(value: object): object {
  return { ...trace, predicate: value }
}
