import { z } from 'zod'
import { roles } from '../../support/config/role.ts'

/**
 * The protocol between the daemon and its gateway beside the API's own requests: HTTP/2 on one private socket pair that
 * no other process can open. The gateway sends requests; the daemon validates them as untrusted input.
 */
export const gatewayPaths = {
  /** GET: a line with a {@link FrontSetup}, and another whenever it changes. */
  setup: '/gateway/setup',
  /** POST: it listens, or cannot. */
  ready: '/gateway/ready',
  /** GET: the live stream as lines, with the query of `/v1/live`. */
  live: '/gateway/live',
  /** POST: trades a sign-in link's code for a token. */
  redeem: '/gateway/redeem',
  /** POST: a report for the audit, the metrics and the status. */
  reported: '/gateway/report',
} as const

const named = z.array(z.strictObject({ name: z.string(), role: z.enum(roles) }))

export const gatewaySetup = z.strictObject({
  listen: z.strictObject({ host: z.string(), port: z.number() }),
  /** Names by which clients may call it. */
  hosts: z.array(z.string()),
  sessionMs: z.number(),
  tls: z
    .strictObject({
      cert: z.string(),
      key: z.string(),
      ca: z.string().exactOptional(),
      /** Instead of `ca`: who signs for each. */
      trustDomains: z
        .array(z.strictObject({ name: z.string(), bundle: z.string() }))
        .min(1)
        .exactOptional(),
      clients: named,
    })
    .exactOptional(),
  /** Sign-in of people at the issuer of `oidc`. */
  signIn: z
    .strictObject({
      clientId: z.string(),
      /** The content of its file; absent: a public client. */
      clientSecret: z.string().exactOptional(),
      redirectUri: z.string(),
      scopes: z.array(z.string()),
    })
    .exactOptional(),
  oidc: z
    .strictObject({
      issuer: z.string(),
      audience: z.string(),
      /** The content of a key set file: the gateway cannot read the file. */
      jwks: z.union([z.strictObject({ url: z.string() }), z.strictObject({ keys: z.string() })]),
      algorithms: z.array(z.string()),
      roleClaim: z.string(),
      roles: z.array(z.strictObject({ value: z.string(), role: z.enum(roles) })),
    })
    .exactOptional(),
})
export type GatewaySetup = z.output<typeof gatewaySetup>

/** The gateway's remaining kernel rights, from `/proc/self/status`. */
export const gatewayRights = z.strictObject({
  pid: z.int(),
  uid: z.int(),
  capabilities: z.string().max(100),
  noNewPrivileges: z.boolean(),
})
export type GatewayRights = z.output<typeof gatewayRights>

export const gatewayReady = z.union([
  z.strictObject({ address: z.string().max(200), rights: gatewayRights }),
  z.strictObject({ failed: z.string().max(2_000) }),
])

export const redeemBody = z.strictObject({ code: z.string().min(1).max(200) })

const address = z.string().max(100)
export const gatewayReport = z.union([
  z.strictObject({
    kind: z.enum(['sign-in', 'sign-out']),
    who: z.string().max(600),
    address,
  }),
  /** `count` so far of this address. */
  z.strictObject({ kind: z.literal('refused'), why: z.string().max(500), address, count: z.int() }),
  /** Requests refused before they reached the daemon, by reason; messages that live readers missed. */
  z.strictObject({
    kind: z.literal('counts'),
    refusals: z.record(z.string().max(40), z.int().min(0)),
    missed: z.int().min(0),
  }),
  /** Undefined: it is well again. */
  z.strictObject({ kind: z.literal('fault'), message: z.string().max(2_000).exactOptional() }),
])
export type GatewayReport = z.output<typeof gatewayReport>
