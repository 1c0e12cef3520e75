import { bytesOf, parseEnvelope } from '../../../src/supplychain/attest/dsse.ts'
import {
  gatePredicate,
  parseStatement,
  profilePredicate,
} from '../../../src/supplychain/attest/statement.ts'
import { verifyStatement } from '../../../src/supplychain/attest/verify.ts'
import { editedJson, seedsOf } from './edited-json.ts'
import { coded, jsonOf } from './expect-coded.ts'

const seeds = seedsOf('dsse')
const trust = { keys: [], digest: `sha256:${'0'.repeat(64)}`, nowMs: 0 }

/** An attachment of an image. Its payload is also read as if it were signed. */
export function fuzz(data: Buffer): void {
  const value = editedJson(data, seeds)
  if (value === undefined) return
  for (const predicate of [profilePredicate, gatePredicate]) {
    coded<unknown>(() => parseStatement<unknown>(predicate, value))
  }
  const envelope = coded(() => parseEnvelope(value))
  if (envelope === undefined) return
  coded(() => verifyStatement(profilePredicate, envelope, trust))
  const payload = jsonOf(Buffer.from(bytesOf(envelope.payload)).toString('utf8'))
  coded(() => parseStatement(profilePredicate, payload))
}
