import { z } from 'zod'
import { severities } from '../../core/event/alert-words.ts'
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
  'splunk',
  'elasticsearch',
  'loki',
  'alertmanager',
  'slack',
  'teams',
  'pagerduty',
  'kafka',
  'nats',
] as const

const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and hyphens')
const format = z.enum(alertFormats).default('json').meta({ description: 'format of records' })
const globList = z.array(z.string().min(1).max(512)).min(1).max(1_000)

const only = z
  .strictObject({
    severity: z.enum(severities).optional().meta({ description: 'minimum severity' }),
    types: z.array(z.enum(outboundRecordTypes)).min(1).optional().meta({
      description:
        '`audit`: decisions and their authors; `incident`: alerts that hang together. Absent: all but `incident`',
    }),
    images: globList
      .optional()
      .meta({ description: 'globs that match the repository, or `repository:tag`' }),
    namespaces: globList.optional().meta({ description: 'globs' }),
  })
  .prefault({})
  .meta({ description: 'sends only alerts that match all of these conditions' })

const storms = z.enum(['summary', 'each']).default('summary').meta({
  description:
    'how a burst of different alerts of one container is sent: as one summary, or each of them',
})

const addressPattern = /^(\[[0-9a-fA-F:.]+\]|[^\s:[\]/]+):(\d{1,5})$/
export const address = z
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
  .strictObject({
    file: path.optional().meta({ description: 'file that holds the secret' }),
    env: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .meta({ description: 'environment variable that holds the secret' }),
  })
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    message: 'must name one of `file` and `env`',
  })

const tls = z
  .strictObject({ ca: path.optional(), cert: path.optional(), key: path.optional() })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'must name `cert` and `key` together',
  })
  .prefault({})
  .meta({ description: 'PEM files: trusted authorities, and certificate and key of the agent' })

const timeout = duration
  .prefault('10s')
  .meta({ description: 'timeout of one batch, after which it is sent again' })

const reached = { url, tls, timeout }
const http = {
  ...reached,
  token: secret.optional().meta({ description: 'sent as `Authorization: Bearer`' }),
}

const login = {
  user: z.string().min(1).max(1_000).optional(),
  password: secret.optional().meta({ description: 'sent with `user` as `Authorization: Basic`' }),
}
export const loginTogether = ({
  user,
  password,
}: {
  user?: unknown
  password?: unknown
}): boolean => (user === undefined) === (password === undefined)
export const together = { message: 'must name `user` and `password` together' }

const labels = z
  .record(
    z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]{0,127}$/, 'must be a name of letters, digits and `_`'),
    z.string().min(1).max(1_000),
  )
  .default({})
  .meta({ description: 'more labels, such as `cluster`; they do not replace those of the sink' })

const chat = {
  url: secret.meta({ description: 'where the URL of the webhook is: it is a secret' }),
  tls,
  timeout,
}

const transport = z
  .enum(['tcp', 'tls'])
  .default('tcp')
  .meta({ description: 'protocol; `tls` uses TLS even if `tls` names no file' })

export const natsSubject = z
  .string()
  .regex(/^[^\s*>.]+(\.[^\s*>.]+)*$/, 'must be a subject without wildcards')

/** How a client connects to NATS. {@link loginTogether} holds for it. */
export const natsAccess = {
  servers: addresses.meta({ description: 'servers to try in order: `HOST:PORT`' }),
  transport,
  tls,
  user: z.string().min(1).max(1_000).optional(),
  password: secret.optional(),
  token: secret.optional(),
  credentials: path.optional().meta({ description: 'a `.creds` file' }),
  timeout,
}

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
    rotateSize: size.optional().meta({ description: 'size at which the agent rotates the file' }),
    rotateAge: duration.optional().meta({ description: 'age at which the agent rotates the file' }),
    keep: z
      .int()
      .min(1)
      .max(1_000)
      .default(5)
      .meta({ description: 'number of rotated files to keep' }),
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
          'maximum size of one message; longer alerts are shortened; default: 8192, over UDP 2048',
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
    type: z.literal('splunk'),
    ...http,
    token: secret.meta({ description: 'token of the HTTP Event Collector' }),
    index: z.string().min(1).max(1_000).optional().meta({
      description: 'index of the events; default: that of the token',
    }),
    sourcetype: z.string().min(1).max(1_000).optional().meta({
      description: 'default: `snug:alert`, `snug:audit` and `snug:incident`',
    }),
    acknowledge: z.boolean().default(false).meta({
      description:
        'waits until the indexers have a batch; the token must have indexer acknowledgement',
    }),
    format,
    only,
    storms,
  }),
  z
    .strictObject({
      name,
      type: z.literal('elasticsearch'),
      ...reached,
      index: z
        .string()
        .regex(/^[^A-Z\\/*?"<>| ,#:]{1,255}$/, 'must be a name in lower case')
        .default('snug')
        .meta({ description: 'index, alias or data stream' }),
      action: z.enum(['index', 'create']).default('index').meta({
        description:
          '`index`: one document for each alert and each incident, with its newest state; `create`, for data streams: a document for each state',
      }),
      apiKey: secret.optional().meta({ description: 'sent as `Authorization: ApiKey`' }),
      ...login,
      format: z.enum(['json', 'ecs', 'ocsf', 'falco']).default('ecs').meta({
        description: 'format of records',
      }),
      only,
      storms,
    })
    .refine(loginTogether, together),
  z
    .strictObject({
      name,
      type: z.literal('loki'),
      ...http,
      ...login,
      tenant: z
        .string()
        .min(1)
        .max(150)
        .optional()
        .meta({ description: 'sent as `X-Scope-OrgID`' }),
      labels,
      format,
      only,
      storms,
    })
    .refine(loginTogether, together),
  z
    .strictObject({
      name,
      type: z.literal('alertmanager'),
      ...http,
      ...login,
      firing: duration.prefault('1h').meta({
        description: 'how long an alert fires there after its last delivery',
      }),
      labels,
      only,
      storms,
    })
    .refine(loginTogether, together),
  z.strictObject({ name, type: z.literal('slack'), ...chat, only, storms }),
  z.strictObject({ name, type: z.literal('teams'), ...chat, only, storms }),
  z.strictObject({
    name,
    type: z.literal('pagerduty'),
    ...reached,
    url: url.default('https://events.pagerduty.com/v2/enqueue'),
    key: secret.meta({ description: 'integration key of a service (Events API v2)' }),
    only,
    storms,
  }),
  z.strictObject({
    name,
    type: z.literal('kafka'),
    brokers: addresses.meta({ description: 'bootstrap brokers: `HOST:PORT`' }),
    topic: z
      .string()
      .regex(/^[a-zA-Z0-9._-]{1,249}$/, 'must be a name of letters, digits, `.`, `_` and `-`')
      .meta({ description: 'must exist: the agent does not create it' }),
    format,
    only,
    storms,
    acks: z.enum(['all', 'leader']).default('all').meta({
      description: 'acknowledgement of a record: by all in-sync replicas, or by the leader only',
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
      ...natsAccess,
      subject: natsSubject.meta({
        description: 'a JetStream stream must cover it: the agent does not create one',
      }),
      reports: z
        .strictObject({
          subject: natsSubject.meta({
            description:
              'the subject of the node is below it: a JetStream stream must cover `SUBJECT.*`',
          }),
          every: duration
            .prefault('30s')
            .refine((ms) => ms >= 1_000 && ms <= 3_600_000, 'must be from `1s` to `1h`')
            .meta({ description: 'time between two reports' }),
        })
        .optional()
        .meta({
          description:
            'where the agent reports its state (`snug.agent/v1`), for `snug console`: whether it observes, and how long alerts wait for this sink',
        }),
      format,
      only,
      storms,
    })
    .refine(loginTogether, together),
])

export type SinkConfig = z.output<typeof sinkSchema>

export const outboxSchema = z.strictObject({
  size: size.prefault('64MiB').meta({
    description:
      'size of the queue of one sink. Beyond it the agent drops the oldest alerts of the lowest severity, counts them, and raises a `loss` alert',
  }),
  age: duration.prefault('7d').meta({ description: 'maximum time that an alert waits for a sink' }),
})

export const deliverSchema = z.strictObject({
  from: z.enum(severities).default('medium').meta({
    description:
      'minimum severity of deviations that sinks receive, unless `only` of a sink sets another. Guardrails, losses and stopped events are always sent',
  }),
})

export const stormSchema = z.strictObject({
  each: z.int().min(1).max(100_000).default(20).meta({
    description:
      'number of different alerts of one container that are sent individually; later ones go into one summary, until none arrives for `within`',
  }),
  within: duration
    .prefault('1m')
    .meta({ description: 'time without a new alert after which a storm ends' }),
  always: z
    .enum(severities)
    .default('critical')
    .meta({ description: 'minimum severity of alerts that are sent individually during a storm' }),
  repeat: duration.prefault('5s').meta({
    description: 'minimum time between two deliveries of an alert whose count rises',
  }),
})

export const tracesSchema = z.strictObject({
  url: url.optional().meta({
    description:
      'OpenTelemetry collector that receives the path of each alert as spans, such as `http://127.0.0.1:4318`; optional',
  }),
  token: secret.optional().meta({ description: 'sent as `Authorization: Bearer`' }),
  timeout,
})
