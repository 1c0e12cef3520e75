import { readFileSync, statSync } from 'node:fs'
import {
  type ProfileDocument,
  parseProfileDocument,
} from '../../supplychain/export/profile-document.ts'
import { type ErrorCode, SnugError } from '../../errors.ts'
import { type AttestedGate, parseGateResult } from '../../supplychain/findings/parse-result.ts'

/** Files on a command line are untrusted: a larger one is neither a report nor a profile. */
const maxBytes = 256 * 1_048_576

/** Errors: SOURCE_UNREADABLE; `invalid` where it is larger than 256 MiB. */
export function readBytes(file: string, invalid: ErrorCode): Buffer {
  try {
    if (statSync(file).size > maxBytes) {
      throw new SnugError(invalid, `\`${file}\` is larger than 256 MiB`)
    }
    return readFileSync(file)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('SOURCE_UNREADABLE', `cannot read \`${file}\``, { cause })
  }
}

/** Errors: SOURCE_UNREADABLE; `invalid` where it is no JSON. */
export function readJsonFile(file: string, invalid: ErrorCode): unknown {
  const text = readBytes(file, invalid).toString('utf8')
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new SnugError(invalid, `\`${file}\` is not JSON`, { cause })
  }
}

/** Errors: SOURCE_UNREADABLE, PROFILE_INVALID. */
export function readProfileFile(file: string): ProfileDocument {
  return parsedFile(file, 'PROFILE_INVALID', parseProfileDocument)
}

/** Errors: SOURCE_UNREADABLE, GATE_RESULT_INVALID. */
export function readGateResultFile(file: string): AttestedGate {
  return parsedFile(file, 'GATE_RESULT_INVALID', parseGateResult)
}

function parsedFile<T>(file: string, invalid: ErrorCode, parse: (value: unknown) => T): T {
  try {
    return parse(readJsonFile(file, invalid))
  } catch (cause) {
    if (!(cause instanceof SnugError) || cause.message.includes(file)) throw cause
    throw new SnugError(cause.code, `\`${file}\``, { cause })
  }
}
