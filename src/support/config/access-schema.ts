import { z } from 'zod'
import { roles } from './role.ts'
import { trustDomainPattern } from '../net/spiffe.ts'
import { duration, path } from './value-schema.ts'

const role = z.enum(roles)

/** The trust domains whose workloads are admitted by an X.509 SVID. */
export const trustDomainsSchema = z
  .array(
    z.strictObject({
      name: z.string().regex(trustDomainPattern, 'must be a trust domain such as `shop.example`'),
      bundle: path.meta({
        description: 'PEM file with its authorities; reloaded when it changes',
      }),
    }),
  )
  .default([])
  .refine((domains) => new Set(domains.map(({ name }) => name)).size === domains.length, {
    message: 'has two entries with the same name',
  })
  .meta({
    description:
      'instead of `clientCa`: SPIFFE trust domains, each with its bundle file. Their workloads authenticate with their SVID, which must come from their own trust domain',
  })

/** TLS of the API, and the clients that are admitted by certificate. */
export const tlsSchema = z
  .strictObject({
    cert: path.optional().meta({
      description: 'PEM file with the certificate chain of the API; reloaded when it changes',
    }),
    key: path.optional().meta({ description: 'PEM file with its private key' }),
    clientCa: path.optional().meta({
      description:
        'PEM file with the authorities of client certificates; clients can then use a certificate instead of a token',
    }),
    trustDomains: trustDomainsSchema,
    clients: z
      .array(z.strictObject({ name: z.string().min(1).max(500), role }))
      .default([])
      .meta({
        description:
          'roles of clients by the name in their certificate: an alternative name such as `DNS:ci.shop` or `URI:spiffe://…`, otherwise the common name',
      }),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'needs `cert` and `key` together',
  })
  .refine(({ cert, clientCa }) => clientCa === undefined || cert !== undefined, {
    path: ['clientCa'],
    message: 'needs `tls.cert` too',
  })
  .refine(({ cert, trustDomains }) => trustDomains.length === 0 || cert !== undefined, {
    path: ['trustDomains'],
    message: 'needs `tls.cert` too',
  })
  .refine(({ clientCa, trustDomains }) => trustDomains.length === 0 || clientCa === undefined, {
    path: ['trustDomains'],
    message: 'cannot be combined with `tls.clientCa`',
  })

/** Asymmetric only: with a shared secret, any verifier of a token could also create one. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'EdDSA',
] as const

/** Bearer tokens of another issuer. */
export const oidcSchema = z
  .strictObject({
    issuer: z.string().min(1).optional().meta({ description: 'required `iss` of OIDC tokens' }),
    audience: z.string().min(1).optional().meta({ description: 'required `aud` of OIDC tokens' }),
    jwks: z.string().min(1).optional().meta({
      description: 'keys that verify OIDC tokens: URL or file of a JSON Web Key Set',
    }),
    algorithms: z
      .array(z.enum(algorithms))
      .min(1)
      .default(['RS256', 'ES256', 'EdDSA'])
      .meta({ description: 'accepted signature algorithms' }),
    roleClaim: z.string().min(1).default('roles').meta({
      description:
        'claim with the permissions of the holder: a text or a list; dots separate nested names',
    }),
    roles: z
      .array(z.strictObject({ value: z.string().min(1), role }))
      .default([])
      .meta({ description: 'roles by value of that claim; the highest role applies' }),
  })
  .refine(
    ({ issuer, audience, jwks }) =>
      new Set([issuer, audience, jwks].map((each) => each === undefined)).size === 1,
    { message: 'needs `issuer`, `audience` and `jwks` together' },
  )
  .refine(({ jwks }) => jwks === undefined || !jwks.includes('://') || isSafeUrl(jwks), {
    path: ['jwks'],
    message: 'must be `https://…`, on loopback also `http://…`, or a file',
  })

/** Where the issuer sends people back to. */
export const callbackPath = '/v1/session/callback'

/** Sign-in of people by redirect to the issuer. */
export const signInSchema = z.strictObject({
  clientId: z.string().min(1).meta({
    description: 'name of this client at the issuer, and `aud` of its ID tokens',
  }),
  clientSecret: path.optional().meta({
    description:
      'file with the secret of the client; reloaded when it changes. Without it, the client is a public one',
  }),
  redirectUri: z
    .string()
    .refine((uri) => isSafeUrl(uri) && new URL(uri).href === new URL(callbackPath, uri).href, {
      message: `must be \`https://…${callbackPath}\`, on loopback also \`http://…\``,
    })
    .meta({ description: `address of this page, with the path \`${callbackPath}\`` }),
  scopes: z
    .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope'))
    .refine((scopes) => scopes.includes('openid'), { message: 'needs `openid`' })
    .default(['openid'])
    .meta({ description: 'requested scopes: those for which the ID token has `oidc.roleClaim`' }),
})
export type SignInConfig = z.output<typeof signInSchema>

export const sessionSchema = duration
  .prefault('12h')
  .meta({ description: 'duration of a session on the page' })

export function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback)
}
