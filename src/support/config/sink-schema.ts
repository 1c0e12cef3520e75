import { z } from 'zod'
import { severities } from '../../core/event/alert.ts'
import { outboundRecordTypes } from '../../core/event/outbound-record.ts'
import { alertFormats } from '../../core/event/alert-format.ts'
import { duration, path, size } from './value-schema.ts'

export const sinkTypes = [
  'stdout',
  'file',
  'syslog',
  'http',
  'otlp',
  'falco',
  'kafka',
  'nats',
] as const

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const format = z.enum(alertFormats).default('json').meta({ description: 'how an alert is said' })
const globList = z.array(z.string().min(1).max(512)).min(1).max(1_000)

const only = z
  .strictObject({
    severity: z.enum(severities).optional().meta({ description: 'the least' }),
    types: z
      .array(z.enum(outboundRecordTypes))
      .min(1)
      .optional()
      .meta({ description: '`audit`: what was decided, by whom' }),
    images: globList
      .optional()
      .meta({ description: 'globs on the repository, or on `repository:tag`' }),
    namespaces: globList.optional().meta({ description: 'globs' }),
  })
  .prefault({})
  .meta({ description: 'which alerts are sent: those that meet all that is named here' })

const storms = z.enum(['summary', 'each']).default('summary').meta({
  description:
    'what a burst of different alerts of one container comes as: one that stands for them, or each of them',
})

const addressPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/
const address = z
  .string()
  .regex(addressPattern, { error: 'must be `HOST:PORT`', abort: true })
  .transform((text) => {
    const match = addressPattern.exec(text)
    return { host: (match?.[1] ?? '').replace(/^\[|\]$/g, ''), port: Number(match?.[2]) }
  })
  .refine(({ port }) => port >= 1 && port <= 65_535, { message: 'must have a port up to 65535' })

const addresses = z.array(address).min(1).max(100)

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

const transport = z
  .enum(['tcp', 'tls'])
  .default('tcp')
  .meta({ description: '`tls`: also where `tls` names no file' })

/** One sink of the config file. Durations come out in milliseconds, sizes in bytes. */
export const sinkSchema = z.discriminatedUnion('type', [
  z.strictObject({ name, type: z.literal('stdout'), format, only, storms }),
  z.strictObject({
    name,
    type: z.literal('file'),
    path,
    format,
    only,
    storms,
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
      storms,
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
    storms,
    ...http,
    gzip: z.boolean().default(true),
    secret: secret.optional().meta({ description: 'signs each batch with HMAC-SHA256' }),
  }),
  z.strictObject({ name, type: z.literal('otlp'), format, only, storms, ...http }),
  z.strictObject({ name, type: z.literal('falco'), only, storms, ...http }),
  z.strictObject({
    name,
    type: z.literal('kafka'),
    brokers: addresses.meta({ description: 'to ask first: `HOST:PORT`' }),
    topic: z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must be a name of letters, digits, `.`, `_` and `-`')
      .meta({ description: 'which has to be there: it is not made' }),
    format,
    only,
    storms,
    acks: z.enum(['all', 'leader']).default('all').meta({
      description: 'whether a record is taken once all replicas in sync have it, or its leader',
    }),
    transport,
    tls,
    sasl: z
      .strictObject({
        mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512']),
        user: z.string().min(1).max(1_000),
        password: secret,
      })
      .optional(),
    timeout,
  }),
  z
    .strictObject({
      name,
      type: z.literal('nats'),
      servers: addresses.meta({ description: 'to try in turn: `HOST:PORT`' }),
      subject: z
        .string()
        .regex(/^[^\s*>.]+(\.[^\s*>.]+)*$/, 'must be a subject without wildcards')
        .meta({ description: 'which a stream of JetStream has to take: it is not made' }),
      format,
      only,
      storms,
      transport,
      tls,
      user: z.string().min(1).max(1_000).optional(),
      password: secret.optional(),
      token: secret.optional(),
      credentials: path.optional().meta({ description: 'a `.creds` file' }),
      timeout,
    })
    .refine(({ user, password }) => (user === undefined) === (password === undefined), {
      message: 'must name `user` and `password` together',
    }),
])

export type SinkConfig = z.output<typeof sinkSchema>

export const outboxSchema = z.strictObject({
  size: size.prefault('64MiB').meta({
    description:
      'how much may wait for one sink; beyond it the oldest of the lowest severity are given up, counted, and told as a `loss` alert',
  }),
  age: duration.prefault('7d').meta({ description: 'how long an alert waits for a sink at most' }),
})

export const stormSchema = z.strictObject({
  each: z.int().min(1).max(100_000).default(20).meta({
    description:
      'different alerts of one container that are sent each; those that follow are one summary, until there is none for as long as `within`',
  }),
  within: duration.prefault('1m'),
  always: z
    .enum(severities)
    .default('critical')
    .meta({ description: 'the least severity that is sent each in a storm too' }),
  repeat: duration.prefault('5s').meta({
    description: 'how often, at most, an alert whose count rises is sent again',
  }),
})

export const tracesSchema = z.strictObject({
  url: url.optional().meta({
    description:
      'collector of OpenTelemetry that is sent the way of each alert as spans, such as `http://127.0.0.1:4318`; nowhere where absent',
  }),
  token: secret.optional().meta({ description: 'sent as `Authorization: Bearer`' }),
  timeout,
})
