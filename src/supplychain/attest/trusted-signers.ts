import { trustedKey } from './keys.ts'
import type { KeylessTrust } from './keyless.ts'
import type { TrustedSigners } from './verify.ts'

/** Without signers nobody is trusted without a key. */
export interface Keyless {
  readonly root?: string | undefined
  readonly signers?: KeylessTrust['signers']
}

/**
 * Whose signatures count: those of keys in files, and of certified identities.
 *
 * Errors: KEY_INVALID, TRUST_ROOT_INVALID
 */
export async function trustedSigners(
  keyFiles: readonly string[],
  { root, signers = [] }: Keyless,
): Promise<TrustedSigners> {
  const keys = keyFiles.map(trustedKey)
  if (root === undefined || signers.length === 0) return { keys }
  const { identityVerifier } = await import('./keyless.ts')
  return { keys, identities: await identityVerifier({ root, signers }) }
}
