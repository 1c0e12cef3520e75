import type { Command } from 'commander'
import { profilePredicate } from '../../supplychain/attest/statement.ts'
import type { VerifiedProfile } from '../../supplychain/attest/verify.ts'
import { SnugError } from '../../errors.ts'
import { imageOf } from '../../supplychain/registry/attestations.ts'
import { mustHaveRegistry } from '../../supplychain/registry/image-address.ts'
import { fetchSigned, registryAt } from '../../supplychain/registry/trusted-fetch.ts'
import { type Keyless, trustedSigners } from '../../supplychain/attest/trusted-signers.ts'

export interface TrustOptions {
  /** Files of public keys. */
  readonly key?: readonly string[]
  readonly identity?: string
  readonly issuer?: string
  /** File */
  readonly trustedRoot?: string
  readonly plainHttp?: true
}

/**
 * The profile that is attached to an image in its registry and signed by one of the keys, or by the identity.
 *
 * Errors: ATTESTATION_MISSING, those of `verifyStatement`, REGISTRY_FAILED, IMAGE_UNKNOWN, KEY_INVALID,
 * TRUST_ROOT_INVALID, USAGE
 */
export async function verifiedProfile(
  image: string,
  options: TrustOptions,
): Promise<{ readonly subject: string; readonly verified: VerifiedProfile }> {
  const address = mustHaveRegistry(image)
  const { host, repository } = address
  const registry = registryAt(host, options.plainHttp === true)
  const signers = await trustedSigners(options.key ?? [], keylessOf(options))
  const { digest } = (await imageOf(registry, address)).subject
  const verified = await fetchSigned(profilePredicate, registry, { repository, digest }, signers)
  const name = `${host}/${repository}@${digest}`
  if (verified !== undefined) return { subject: name, verified }
  throw new SnugError('ATTESTATION_MISSING', `no profile is attached to \`${name}\``)
}

/** Adds the options that name trusted signers. */
export function withTrustOptions(command: Command): Command {
  return command
    .option('--key <file...>', 'public keys to trust, PEM')
    .option(
      '--identity <pattern>',
      'trusts the certified signer of this identity; `*` stands for any characters but `/`',
    )
    .option('--issuer <url>', 'issuer of tokens in the certificate of `--identity`')
    .option('--trusted-root <file>', 'trusted root of Sigstore, for `--identity`')
}

/** True where an option names somebody to trust. */
export function trustsSomebody({ key, identity }: TrustOptions): boolean {
  return key !== undefined || identity !== undefined
}

function keylessOf(options: TrustOptions): Keyless {
  const { identity, issuer, trustedRoot: root } = options
  if (identity !== undefined && issuer !== undefined && root !== undefined) {
    return { root, signers: [{ identity, issuer }] }
  }
  const some = [identity, issuer, root].some((each) => each !== undefined)
  if (!some && trustsSomebody(options)) return {}
  throw new SnugError('USAGE', 'pass `--key`, or `--identity` with `--issuer` and `--trusted-root`')
}
