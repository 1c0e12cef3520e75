import { z } from 'zod'
import { roles } from '../../../support/config/role.ts'

/** How the front says who asks. It has seen the credential itself; the daemon sees no more of it than this. */
export const tokenHeader = 'x-snug-token'
export const claimHeader = 'x-snug-claim'

export const claimKinds = ['oidc', 'certificate'] as const
export type ClaimKind = (typeof claimKinds)[number]

/** Somebody whom another authority vouches for, and whose word the front has checked. */
export const claimSchema = z.strictObject({
  via: z.enum(claimKinds),
  name: z.string().min(1).max(500),
  role: z.enum(roles),
})
export type Claim = z.output<typeof claimSchema>

export function claimText(claim: Claim): string {
  return Buffer.from(JSON.stringify(claim)).toString('base64url')
}
