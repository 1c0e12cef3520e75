import { z } from 'zod'
import {
  isSafeUrl,
  oidcSchema,
  sessionSchema,
  signInSchema,
  tlsSchema,
} from '../support/config/access-schema.ts'
import { readRules } from '../support/config/load-rules.ts'
import { loginTogether, natsAccess, natsSubject, together } from '../support/config/sink-schema.ts'
import { consoleFleetSchema } from '../support/config/fleet-schema.ts'
import { hostPort, logLevels, path } from '../support/config/value-schema.ts'

const streamName = z.string().regex(/^[^\s.*>/\\]{1,255}$/, 'must be the name of a stream')

const alerts = z
  .strictObject({
    type: z.literal('nats').meta({ description: 'engine that stores the alerts of all nodes' }),
    ...natsAccess,
    stream: streamName.meta({ description: 'JetStream stream with the alerts of all nodes' }),
    subject: natsSubject.meta({ description: 'as `subject` of the sinks of the agents' }),
    reports: z
      .strictObject({
        stream: streamName.meta({ description: 'JetStream stream with the reports of the agents' }),
        subject: natsSubject.meta({ description: 'as `reports.subject` of the sinks' }),
      })
      .optional()
      .meta({
        description:
          'where agents report their state. Without it, the console shows only whether their pods are ready, and nothing of agents without pods',
      }),
    window: z.int().min(1_000).max(1_000_000).default(100_000).meta({
      description:
        'number of messages that are in memory as short rows, about 1 KB each. Older ones are read from the stream',
    }),
  })
  .refine(loginTogether, together)

const kubernetes = z.strictObject({
  access: z.string().min(1).default('pod').meta({
    description:
      'access to the API server: `pod` (service account of the pod), or the path of a kubeconfig',
  }),
  namespace: z
    .string()
    .min(1)
    .max(63)
    .default('snug')
    .meta({ description: 'namespace of the agents' }),
})

/** The config file of `snug console`. Durations come out in milliseconds. */
export const consoleSchema = z
  .strictObject({
    schema: z.literal('snug.console/v1'),
    listen: hostPort
      .prefault('127.0.0.1:7685')
      .meta({ description: 'address of the page and the API' }),
    hosts: z.array(z.string().min(1)).default([]).meta({
      description: 'host names, besides `localhost` and addresses, that clients may use',
    }),
    tls: tlsSchema.prefault({}),
    oidc: oidcSchema.prefault({}),
    signIn: signInSchema.optional().meta({
      description: 'people sign in at the issuer of `oidc`; bearer tokens go on working',
    }),
    session: sessionSchema,
    tokens: path.optional().meta({
      description:
        'file with hashed tokens, in the form of `tokens.json` of an agent; reloaded when it changes',
    }),
    kubernetes: kubernetes
      .optional()
      .meta({ description: 'the cluster that the console serves: the default without `fleet`' }),
    fleet: consoleFleetSchema.optional().meta({
      description:
        'in place of `kubernetes`: the bucket of a fleet without Kubernetes, see docs/fleet.md',
    }),
    alerts: alerts.optional().meta({
      description: 'where the alerts of all nodes are; without it, the console shows none',
    }),
    log: z
      .strictObject({ level: z.enum(logLevels).default('info') })
      .prefault({})
      .meta({ description: 'minimum level of log messages on standard error' }),
  })
  .refine(
    ({ oidc, tokens, tls }) =>
      oidc.issuer !== undefined ||
      tokens !== undefined ||
      tls.clientCa !== undefined ||
      tls.trustDomains.length > 0,
    { message: 'lets nobody in: set `oidc`, `tokens`, `tls.clientCa` or `tls.trustDomains`' },
  )
  .refine(({ kubernetes, fleet }) => kubernetes === undefined || fleet === undefined, {
    path: ['fleet'],
    message: 'must not be set with `kubernetes`: a console serves one fleet',
  })
  .refine(
    ({ signIn, oidc: { issuer } }) =>
      signIn === undefined || (issuer !== undefined && isSafeUrl(issuer)),
    {
      path: ['signIn'],
      message: 'needs `oidc.issuer` as `https://…`, on loopback also `http://…`',
    },
  )
  .meta({ title: 'Snug console' })

export type ConsoleConfig = z.output<typeof consoleSchema>

/** The cluster that the console serves, where it serves no other fleet. */
export function clusterOf({ kubernetes: cluster }: ConsoleConfig): z.output<typeof kubernetes> {
  return cluster ?? kubernetes.parse({})
}

/** Errors: CONSOLE_INVALID, with file and line. */
export function loadConsoleConfig(file: string): ConsoleConfig {
  return Object.freeze(readRules(file, consoleSchema, 'CONSOLE_INVALID'))
}
