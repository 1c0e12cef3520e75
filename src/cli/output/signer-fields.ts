import type { SignerName } from '../../supplychain/attest/verify.ts'

export function signerFields(signer: SignerName): readonly [string, string][] {
  if ('keyId' in signer) return [['signed by', signer.keyId]]
  return [
    ['signed by', signer.identity],
    ['certified by', signer.issuer],
  ]
}
