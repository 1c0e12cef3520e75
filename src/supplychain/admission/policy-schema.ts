import { z } from 'zod'
import { type AdmissionPolicy, admissionActions } from './policy.ts'
import { trustDomainsSchema } from '../../support/config/access-schema.ts'
import { baseImage } from '../gate/policy-schema.ts'
import { duration, hostPort, logLevels, path } from '../../support/config/value-schema.ts'

const host = z.string().min(1)

const tls = z
  .strictObject({
    cert: path.meta({
      description:
        'PEM file with the certificate, and those between it and its root; read again when it changes',
    }),
    key: path.meta({ description: 'PEM file with its private key; likewise' }),
    clientCa: path.exactOptional().meta({
      description:
        'PEM file of who signs the certificates of those who may ask; likewise. Absent: whoever reaches it may ask',
    }),
    trustDomains: trustDomainsSchema,
    clients: z.array(z.string().min(1).max(500)).default([]).meta({
      description:
        'who may ask, by a name in their certificate: `URI:spiffe://…`, `DNS:…`, or the common name of one without',
    }),
  })
  .refine(
    ({ clientCa, trustDomains, clients }) =>
      (clientCa === undefined && trustDomains.length === 0) === (clients.length === 0),
    { message: 'needs `clients`, and `clientCa` or `trustDomains`, together' },
  )
  .refine(({ clientCa, trustDomains }) => trustDomains.length === 0 || clientCa === undefined, {
    message: 'must have either `clientCa` or `trustDomains`',
  })

const trust = z.strictObject({
  keys: z.array(path).min(1).meta({
    description: 'public keys (PEM files) of those whose profiles and gates are trusted',
  }),
  registries: z.array(host).min(1).meta({
    description:
      'registries that are asked, as pods name them: `registry.example:5000`, `docker.io`. Images from others are not trusted',
  }),
  plainHttp: z
    .array(host)
    .default([])
    .meta({ description: 'registries (`HOST:PORT`) without TLS' }),
})

const require = z.strictObject({
  profile: z
    .boolean()
    .default(true)
    .meta({ description: 'a profile is attached that a trusted key has signed' }),
  gate: z.boolean().default(true).meta({
    description: 'the result of a gate is attached and signed likewise, and the gate was open',
  }),
  digest: z.boolean().default(false).meta({
    description:
      'pods name it by digest: a tag may be moved between the answer and the pull of the image',
  }),
})

const bases = z.strictObject({
  approved: z.array(baseImage).min(1).exactOptional().meta({
    description:
      'images must be built on one of these, each given by its diff ids, the lowest first',
  }),
  forbidden: z
    .array(baseImage)
    .default([])
    .meta({ description: 'and on none of these, given likewise' }),
})

const action = z.enum(admissionActions)

/** The config file of the admission webhook. Durations come out in milliseconds. */
export const admissionSchema = z
  .strictObject({
    schema: z.literal('snug.admission/v1'),
    listen: hostPort
      .prefault('0.0.0.0:9443')
      .meta({ description: 'where the API server asks: `HOST:PORT`' }),
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
      .meta({ description: 'the first rule that has the name of the namespace counts' }),
    action: action.default('deny').meta({
      description:
        'what a pod gets in all other namespaces: `deny`: it is refused; `warn`: who made it is warned; `audit`: a note in the audit log; `ignore`: it is not looked at',
    }),
    failClosed: z.boolean().default(false).meta({
      description:
        'whether a pod is refused, where a fault would have it refused, when its registry does not answer; `false`: it is let in with a warning',
    }),
    within: duration.prefault('3s').meta({
      description:
        'how long registries have to answer; keep it below the `timeoutSeconds` of the webhook',
    }),
    keep: z
      .strictObject({
        trusted: duration.prefault('5m').meta({ description: 'of an image that is trusted' }),
        faulty: duration.prefault('15s').meta({ description: 'of one that is not' }),
        tags: duration.prefault('15s').meta({ description: 'what digest a tag stands for' }),
        failed: duration
          .prefault('5s')
          .meta({ description: 'for how long a registry that failed is not asked again' }),
        images: z.int().min(100).max(1_000_000).default(10_000).meta({
          description: 'of how many images; beyond it those go that were asked for longest ago',
        }),
      })
      .prefault({})
      .meta({ description: 'how long answers are kept' }),
    log: z
      .strictObject({ level: z.enum(logLevels).default('info') })
      .prefault({})
      .meta({ description: '`debug`: each pod, and how long its answer took' }),
  })
  .meta({ title: 'Snug admission, v1' })

/** What is done with the file, in the words of what does it. */
export function admissionOf(parsed: z.output<typeof admissionSchema>) {
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
  return { listen, tls: pair, trust: trusted, policy, times: { ...times, within }, kept, log }
}

export type AdmissionConfig = ReturnType<typeof admissionOf>
