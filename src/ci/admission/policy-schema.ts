import { z } from 'zod'
import { type AdmissionPolicy, admissionActions } from './policy.ts'
import { trustDomainsSchema } from '../../support/config/access-schema.ts'
import { baseImage } from '../gate/policy-schema.ts'
import { keylessSchema } from '../../support/config/keyless-schema.ts'
import {
  duration,
  hostPort,
  logLevels,
  namespace,
  path,
} from '../../support/config/value-schema.ts'

const host = z.string().min(1)

const tls = z
  .strictObject({
    cert: path.meta({
      description: 'PEM file with the certificate chain; reloaded when it changes',
    }),
    key: path.meta({ description: 'PEM file with its private key; reloaded when it changes' }),
    clientCa: path.exactOptional().meta({
      description:
        'PEM file with the authorities of client certificates; reloaded when it changes. Without it every client may ask',
    }),
    trustDomains: trustDomainsSchema,
    clients: z.array(z.string().min(1).max(500)).default([]).meta({
      description:
        'allowed clients, by a name in their certificate: `URI:spiffe://…`, `DNS:…`, or the common name if there is no other',
    }),
  })
  .refine(
    ({ clientCa, trustDomains, clients }) =>
      (clientCa === undefined && trustDomains.length === 0) === (clients.length === 0),
    { message: 'needs `clients` together with `clientCa` or `trustDomains`' },
  )
  .refine(({ clientCa, trustDomains }) => trustDomains.length === 0 || clientCa === undefined, {
    message: 'must have either `clientCa` or `trustDomains`',
  })

const trust = z
  .strictObject({
    keys: z.array(path).default([]).meta({
      description: 'trusted public keys (PEM files) for profiles and gate results',
    }),
    keyless: keylessSchema.prefault({}),
    registries: z.array(host).min(1).meta({
      description:
        'trusted registries, as pods name them: `registry.example:5000`, `docker.io`. Images from other registries are not trusted',
    }),
    plainHttp: z
      .array(host)
      .default([])
      .meta({ description: 'registries (`HOST:PORT`) without TLS' }),
  })
  .refine(({ keys, keyless }) => keys.length + keyless.signers.length > 0, {
    message: 'needs `keys` or `keyless.signers`',
  })

const require = z.strictObject({
  profile: z
    .boolean()
    .default(true)
    .meta({ description: 'requires an attached profile that a trusted key signed' }),
  gate: z.boolean().default(true).meta({
    description: 'requires an attached, signed result of an open gate',
  }),
  digest: z.boolean().default(false).meta({
    description:
      'requires a digest in the pod: a tag can move between the answer and the pull of the image',
  }),
})

const bases = z.strictObject({
  approved: z.array(baseImage).min(1).exactOptional().meta({
    description: 'allowed base images, each as its list of diff ids, the lowest first',
  }),
  forbidden: z
    .array(baseImage)
    .default([])
    .meta({ description: 'forbidden base images, in the same form' }),
})

const action = z.enum(admissionActions)

/** The config file of the admission webhook. Durations come out in milliseconds. */
export const admissionSchema = z
  .strictObject({
    schema: z.literal('snug.admission/v1'),
    listen: hostPort
      .prefault('0.0.0.0:9443')
      .meta({ description: 'address of the webhook: `HOST:PORT`' }),
    tls,
    trust,
    require: require.prefault({}),
    bases: bases.prefault({}),
    namespaces: z
      .array(
        z.strictObject({
          names: z.array(z.string().min(1)).min(1).meta({ description: 'globs' }),
          action,
        }),
      )
      .default([])
      .meta({ description: 'rules for namespaces; the first match applies' }),
    action: action.default('deny').meta({
      description:
        'decision on untrusted images in all other namespaces. `deny` refuses the pod, `warn` warns its creator, `audit` writes an audit annotation, `ignore` skips the check',
    }),
    failClosed: z.boolean().default(false).meta({
      description:
        '`true`: with `deny`, refuses a pod if its registry does not answer; `false`: admits it with a warning',
    }),
    within: duration.prefault('3s').meta({
      description: 'timeout of registries; keep it below the `timeoutSeconds` of the webhook',
    }),
    keep: z
      .strictObject({
        trusted: duration
          .prefault('5m')
          .meta({ description: 'how long the result of a trusted image is kept' }),
        faulty: duration
          .prefault('15s')
          .meta({ description: 'how long the result of an untrusted image is kept' }),
        tags: duration
          .prefault('15s')
          .meta({ description: 'how long the digest of a tag is kept' }),
        failed: duration.prefault('5s').meta({
          description: 'how long the webhook does not ask a registry again after a failure',
        }),
        images: z.int().min(100).max(1_000_000).default(10_000).meta({
          description: 'maximum number of images; beyond it the least recently used go',
        }),
      })
      .prefault({})
      .meta({ description: 'cache of results' }),
    consoleNamespaces: z.array(namespace).exactOptional().meta({
      description:
        'namespaces where the service account `snug-console` is the console: it may name another author of a decision in an ImageProfile. Default: the namespace of the webhook, from the variable `SNUG_NAMESPACE`; without it, none',
    }),
    log: z
      .strictObject({ level: z.enum(logLevels).default('info') })
      .prefault({})
      .meta({ description: 'log level; `debug` logs each pod and the time of its answer' }),
  })
  .meta({ title: 'Snug admission, v1' })

/**
 * Converts the parsed file to the options of the webhook.
 *
 * @param ownNamespaces of the webhook, where it is known
 */
export function admissionOf(
  parsed: z.output<typeof admissionSchema>,
  ownNamespaces: readonly string[],
) {
  const { listen, tls: pair, trust: trusted, keep, within, log } = parsed
  const { images: kept, ...times } = keep
  const { approved, forbidden } = parsed.bases
  const policy: AdmissionPolicy = {
    images: {
      ...parsed.require,
      ...(approved === undefined ? {} : { approvedBases: approved }),
      forbiddenBases: forbidden,
      registries: trusted.registries,
    },
    namespaces: parsed.namespaces,
    action: parsed.action,
    failClosed: parsed.failClosed,
  }
  const { consoleNamespaces = ownNamespaces } = parsed
  return {
    listen,
    tls: pair,
    trust: trusted,
    policy,
    times: { ...times, within },
    kept,
    consoleNamespaces,
    log,
  }
}

export type AdmissionConfig = ReturnType<typeof admissionOf>
