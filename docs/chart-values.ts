import { z } from 'zod'
import { configSchema } from '../src/support/config/config-schema.ts'
import { consoleSchema } from '../src/console/console-config.ts'
import type { JsonSchema } from './schema-page.ts'

/** Of Kubernetes' own API, which knows best what may be in it. */
const object = z.looseObject({})
const texts = z.record(z.string(), z.string())
const name = z.string().min(1)
const objects = z.array(object).optional()

const image = z.strictObject({
  repository: name.meta({ description: 'with its registry' }),
  tag: z.string().optional().meta({ description: 'the `appVersion` of the chart where empty' }),
  digest: z
    .string()
    .regex(/^(sha256:[0-9a-f]{64})?$/)
    .optional()
    .meta({ description: '`sha256:…`; replaces the tag' }),
  pullPolicy: z
    .enum(['', 'Always', 'IfNotPresent', 'Never'])
    .optional()
    .meta({ description: 'as the API server has it where empty' }),
  pullSecrets: z.array(z.strictObject({ name })).optional(),
})

const serviceMonitor = z.strictObject({
  enabled: z.boolean().meta({
    description:
      'a ServiceMonitor, and what it needs: the agent listens on the address of its pod, with TLS',
  }),
  labels: texts
    .optional()
    .meta({ description: 'by which a Prometheus selects its ServiceMonitors' }),
  interval: z.string().regex(/^\d+(ms|s|m)$/),
  from: z
    .array(object)
    .min(1)
    .meta({ description: 'who may connect: peers of a NetworkPolicy. Without any, all could' }),
  agentSecret: name.meta({
    description: 'secret with the certificate of the agents, for the name `snug-agent`',
  }),
  prometheusSecret: name.meta({ description: 'secret with the certificate that Prometheus shows' }),
  client: name.meta({ description: 'the name in it, as in `tls.clients` of the config' }),
})

const inFolder = z.string().regex(/^\/.+\/[^/]+$/)
const auditLog = z.strictObject({
  enabled: z.boolean().meta({
    description:
      'whether the agent reads the audit log of the API server, where a node has it: sessions then have a person',
  }),
  path: inFolder.meta({ description: 'of the log, on the node' }),
})

const nri = z.strictObject({
  enabled: z.boolean().meta({
    description:
      'whether the runtime reports containers before they start; the agent then has two sockets of it',
  }),
  socket: inFolder.meta({ description: 'of the runtime’s Node Resource Interface, on the node' }),
  runtime: inFolder.meta({ description: 'of the runtime itself (CRI), on the node' }),
})

const reports = z.strictObject({
  enabled: z.boolean().meta({
    description:
      'whether the agents write Reports (`openreports.io/v1alpha1`) on images with behaviours that wait for review, and may do so',
  }),
})

const heldLabel = z.strictObject({
  enabled: z.boolean().meta({
    description: 'whether the agents label the pods of held containers, and may patch pods',
  }),
  networkPolicies: z.array(name).meta({
    description:
      'namespaces that get a NetworkPolicy by which no packet leaves or enters a pod that is held by `network`',
  }),
})

const heldDeletion = z.strictObject({
  enabled: z.boolean().meta({
    description:
      'whether a quarantine of the level `stop` deletes the pod of the container; the agents may then delete pods',
  }),
})

const fleetConsole = z.strictObject({
  enabled: z.boolean().meta({
    description: 'a Deployment of `snug console`, with its Service: see docs/console.md',
  }),
  replicas: z.int().min(1).max(20),
  config: consoleSchema.meta({ description: 'its config: all of `console.yaml`' }),
  tlsSecret: name.meta({ description: 'secret with its certificate and key' }),
  secret: name.meta({
    description: 'secret with files that the config names, in `/etc/snug/secrets`; may be missing',
  }),
  resources: object.optional().meta({ description: 'of its container' }),
})

/** What `values.yaml` of the Helm chart may say. `config` is the agent's, key by key. */
const chartValues = z
  .strictObject({
    image,
    config: configSchema.meta({ description: 'the agent’s config: all of `snug.yaml`' }),
    resources: object.optional().meta({ description: 'of the agent’s container' }),
    nodeSelector: texts.optional(),
    tolerations: objects,
    affinity: object.optional(),
    priorityClass: z.strictObject({
      create: z.boolean().meta({ description: '`false`: one of this name is there already' }),
      name,
      value: z.int().min(-2_147_483_648).max(1_000_000_000),
    }),
    seccompProfile: z
      .strictObject({
        type: z.enum(['RuntimeDefault', 'Localhost', 'Unconfined']),
        localhostProfile: z.string().optional(),
      })
      .meta({ description: 'of the agent’s container; it needs `bpf`' }),
    podAnnotations: texts.optional(),
    dataPath: z
      .string()
      .regex(/^\//)
      .meta({ description: 'folder of each node in which what was learned outlives the pod' }),
    networkPolicy: z.strictObject({
      enabled: z.boolean().meta({ description: 'whether others are kept from connecting' }),
    }),
    nri,
    auditLog,
    reports,
    heldLabel,
    heldDeletion,
    console: fleetConsole,
    serviceMonitor,
    extraEnv: objects.meta({
      description: 'variables of the container, such as tokens of sinks from a secret',
    }),
    extraVolumes: objects,
    extraVolumeMounts: objects.meta({
      description: 'files that the config names, such as keys that are trusted',
    }),
    global: object.optional().meta({ description: 'reserved by Helm; unused here' }),
  })
  .meta({ title: 'Values of Snug’s chart' })

/** Draft 7, which all of Helm 3 reads. */
export function chartValuesSchema(): JsonSchema {
  return z.toJSONSchema(chartValues, { io: 'input', target: 'draft-7' }) as JsonSchema
}
