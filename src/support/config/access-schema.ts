import { z } from 'zod'
import { roles } from './role.ts'
import { trustDomainPattern } from '../net/spiffe.ts'
import { duration, path } from './value-schema.ts'

const role = z.enum(roles)

/** Whose workloads may come in by an X.509 SVID. */
export const trustDomainsSchema = z
  .array(
    z.strictObject({
      name: z.string().regex(trustDomainPattern, 'must be a trust domain such as `shop.example`'),
      bundle: path.meta({
        description: 'PEM file of who signs for it; read again when it changes',
      }),
    }),
  )
  .default([])
  .refine((domains) => new Set(domains.map(({ name }) => name)).size === domains.length, {
    message: 'has two of one name',
  })
  .meta({
    description:
      'instead of `clientCa`: trust domains of SPIFFE whose workloads come in by their SVID, each with the file of its bundle; an authority of one cannot speak for another',
  })

/** TLS of the API, and who comes in with a certificate. */
export const tlsSchema = z
  .strictObject({
    cert: path.optional().meta({
      description:
        'PEM file with the certificate of the API, and those between it and its root; read again when it changes',
    }),
    key: path.optional().meta({ description: 'PEM file with its private key' }),
    clientCa: path.optional().meta({
      description:
        'PEM file of who signs the certificates of clients; with it a certificate is as good as a token',
    }),
    trustDomains: trustDomainsSchema,
    clients: z
      .array(z.strictObject({ name: z.string().min(1).max(500), role }))
      .default([])
      .meta({
        description:
          'clients by the name in their certificate (an alternative name such as `DNS:ci.shop` or `URI:spiffe://…`, else the common name), with their role',
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
    message: 'must not be there beside `tls.clientCa`',
  })

/** Asymmetric only: with a shared secret whoever checks a token could make one. */
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

/** Bearer tokens of somebody else's. */
export const oidcSchema = z
  .strictObject({
    issuer: z
      .string()
      .min(1)
      .optional()
      .meta({ description: '`iss` of OIDC tokens that are taken' }),
    audience: z.string().min(1).optional().meta({ description: '`aud` that they must be for' }),
    jwks: z.string().min(1).optional().meta({
      description: 'keys that they are signed with: URL or file of a JSON Web Key Set',
    }),
    algorithms: z
      .array(z.enum(algorithms))
      .min(1)
      .default(['RS256', 'ES256', 'EdDSA'])
      .meta({ description: 'how they may be signed' }),
    roleClaim: z.string().min(1).default('roles').meta({
      description: 'the claim that says what its holder may do: a text or a list; dots go inwards',
    }),
    roles: z
      .array(z.strictObject({ value: z.string().min(1), role }))
      .default([])
      .meta({ description: 'what values of that claim stand for; of several the highest counts' }),
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

export const sessionSchema = duration
  .prefault('12h')
  .meta({ description: 'how long one stays signed in to the page' })

function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname } = new URL(text)
  const isLoopback = ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback)
}
