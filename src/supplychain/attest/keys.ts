import { spawn } from 'node:child_process'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { base64Of, bytesOf, type Envelope, inTotoType, pae } from './dsse.ts'
import type { TrustedKey } from './verify.ts'
import { describeError, SnugError } from '../../errors.ts'

/** Who signs: a key in a file, or a command that has one somewhere else. */
export interface Signer {
  readonly keyId?: string
  readonly sign: (message: Uint8Array) => Promise<Uint8Array>
}

/**
 * A public key as PEM: ECDSA over P-256, or Ed25519.
 *
 * Errors: KEY_INVALID
 */
export function trustedKey(file: string): TrustedKey {
  const key = keyFrom(file, createPublicKey)
  return {
    id: keyIdOf(key),
    verifies: (message, signature) => verify(digestFor(key), message, key, signature),
  }
}

/** The private part of one as PEM, not encrypted. Errors: KEY_INVALID */
export function fileSigner(file: string): Signer {
  const key = keyFrom(file, createPrivateKey)
  return {
    keyId: keyIdOf(createPublicKey(key)),
    sign: (message) => Promise.resolve(sign(digestFor(key), message, key)),
  }
}

/**
 * A key in a KMS or on a token: the command gets the message on standard input and prints the signature in base64 (for
 * ECDSA in DER, over SHA-256).
 */
export function commandSigner(command: string): Signer {
  return { sign: (message) => signedBy(command, message) }
}

/** Signs a statement. */
export async function envelopeOf(statement: string, signer: Signer): Promise<Envelope> {
  const payload = new TextEncoder().encode(statement)
  const signature = await signer.sign(pae(inTotoType, payload))
  const { keyId } = signer
  const sig = base64Of(signature)
  return {
    payloadType: inTotoType,
    payload: base64Of(payload),
    signatures: [keyId === undefined ? { sig } : { keyid: keyId, sig }],
  }
}

async function signedBy(command: string, message: Uint8Array): Promise<Uint8Array> {
  const child = spawn('/bin/sh', ['-c', command], { stdio: ['pipe', 'pipe', 'inherit'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  // One that does not read its input fails by its exit code.
  child.stdin.on('error', () => undefined)
  child.stdin.end(message)
  const [code] = (await once(child, 'close')) as [number | null]
  const plain = text.replace(/\s/g, '')
  if (code !== 0 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)) {
    throw new SnugError('KEY_INVALID', `\`${command}\` returned no signature (exit code ${code})`)
  }
  return bytesOf(plain)
}

function keyFrom(file: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = read(readFileSync(file, 'utf8'))
  } catch (cause) {
    throw new SnugError('KEY_INVALID', `\`${file}\`: ${describeError(cause)}`)
  }
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')) return key
  throw new SnugError('KEY_INVALID', `\`${file}\` is neither ECDSA over P-256 nor Ed25519`)
}

/** Ed25519 has its own. */
function digestFor(key: KeyObject): 'sha256' | null {
  return key.asymmetricKeyType === 'ec' ? 'sha256' : null
}

function keyIdOf(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}
