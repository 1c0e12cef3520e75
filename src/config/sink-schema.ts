import { z } from 'zod'
import { alertTypes, severities } from '../event/alert.ts'
import { alertFormats } from '../format/format.ts'
import { duration, path, size } from './value-schema.ts'

export const sinkTypes = ['stdout', 'file', 'syslog', 'http', 'otlp', 'falco'] as const
/** What the contract names and this build does not have: refused by name, not as a typo. */
export const laterSinkTypes = ['kafka', 'nats'] as const

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const format = z.enum(alertFormats).default('json').meta({ description: 'how an alert is said' })
const globList = z.array(z.string().min(1).max(512)).min(1).max(1_000)

const only = z
  .strictObject({
    severity: z.enum(severities).optional().meta({ description: 'the least' }),
    types: z.array(z.enum(alertTypes)).min(1).optional(),
    images: globList
      .optional()
      .meta({ description: 'globs on the repository, or on `repository:tag`' }),
    namespaces: globList.optional().meta({ description: 'globs' }),
  })
  .prefault({})
  .meta({ description: 'which alerts are sent: those that meet all that is named here' })

const addressPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/
const address = z
  .string()
  .regex(addressPattern, { error: 'must be `HOST:PORT`', abort: true })
  .transform((text) => {
    const match = addressPattern.exec(text)
    return { host: (match?.[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(match?.[2]) }
  })
  .refine(({ port }) => port >= 1 && port <= 65_535, { message: 'must have a port up to 65535' })

const url = z
  .string()
  .refine(isWebUrl, 'must be an `http://` or `https://` URL without user, password and fragment')

function isWebUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, username, password, hash } = new URL(text)
  return /^https?:$/.test(protocol) && username + password + hash === ''
}

/** Where a secret is read; it is never in the configuration itself. */
const secret = z
  .strictObject({ file: path.optional(), env: z.string().min(1).max(200).optional() })
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    message: 'must name one of `file` and `env`',
  })

const tls = z
  .strictObject({ ca: path.optional(), cert: path.optional(), key: path.optional() })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'must name `cert` and `key` together',
  })
  .prefault({})
  .meta({ description: 'PEM files: authorities to trust, and who the agent is' })

const timeout = duration
  .prefault('10s')
  .meta({ description: 'how long one batch may take before it is sent again' })

const http = {
  url,
  token: secret.optional().meta({ description: 'sent as `Authorization: Bearer`' }),
  tls,
  timeout,
}

/** One sink of the config file. Durations come out in milliseconds, sizes in bytes. */
export const sinkSchema = z.discriminatedUnion('type', [
  z.strictObject({ name, type: z.literal('stdout'), format, only }),
  z.strictObject({
    name,
    type: z.literal('file'),
    path,
    format,
    only,
    rotateSize: size.optional().meta({ description: 'at which the file is set aside' }),
    rotateAge: duration.optional().meta({ description: 'after which the file is set aside' }),
    keep: z.int().min(1).max(1_000).default(5).meta({ description: 'files set aside' }),
  }),
  z
    .strictObject({
      name,
      type: z.literal('syslog'),
      address,
      transport: z.enum(['tcp', 'tls', 'udp']).default('tcp'),
      format,
      only,
      facility: z.int().min(0).max(23).default(16),
      maxBytes: z.int().min(480).max(1_048_576).optional().meta({
        description:
          'of one message, to which an alert is shortened; 8192 where absent, over UDP 2048',
      }),
      tls,
      timeout,
    })
    .refine(({ transport, maxBytes = 0 }) => transport !== 'udp' || maxBytes <= 65_000, {
      path: ['maxBytes'],
      message: 'must be at most 65000 over UDP',
    }),
  z.strictObject({
    name,
    type: z.literal('http'),
    format,
    only,
    ...http,
    gzip: z.boolean().default(true),
    secret: secret.optional().meta({ description: 'signs each batch with HMAC-SHA256' }),
  }),
  z.strictObject({ name, type: z.literal('otlp'), format, only, ...http }),
  z.strictObject({ name, type: z.literal('falco'), only, ...http }),
])

export type SinkConfig = z.output<typeof sinkSchema>

export const outboxSchema = z.strictObject({
  size: size.prefault('64MiB').meta({
    description:
      'how much may wait for one sink; beyond it the oldest of the lowest severity are given up, counted, and told as a `loss` alert',
  }),
  age: duration.prefault('7d').meta({ description: 'how long an alert waits for a sink at most' }),
})
