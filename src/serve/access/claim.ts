import { z } from 'zod'
import { roles } from '../../support/config/role.ts'

/**
 * Headers in which the gateway passes the identity of a client. The gateway has checked the credential itself; the
 * daemon receives only this.
 */
export const tokenHeader = 'x-snug-token'
export const claimHeader = 'x-snug-claim'

export const claimKinds = ['oidc', 'certificate'] as const
export type ClaimKind = (typeof claimKinds)[number]

/** An identity from another authority, which the gateway has verified. */
export const claimSchema = z.strictObject({
  via: z.enum(claimKinds),
  name: z.string().min(1).max(500),
  role: z.enum(roles),
})
export type Claim = z.output<typeof claimSchema>

export function claimText(claim: Claim): string {
  return Buffer.from(JSON.stringify(claim)).toString('base64url')
}
