import { z } from 'zod'
import { defaultBlockRules } from '../../core/lifecycle/blocking.ts'
import { oidcSchema, sessionSchema, tlsSchema } from './access-schema.ts'
import { formatDuration } from './duration.ts'
import { outboxSchema, sinkSchema, stormSchema, tracesSchema } from './sink-schema.ts'
import {
  duration,
  type HostPort,
  hostPortOf,
  hostPortPattern,
  logLevels,
  path,
  size,
} from './value-schema.ts'

const afterStates = ['review', 'alert', 'block'] as const

const listenPattern = new RegExp(`^none$|${hostPortPattern.source}`)
const listen = z
  .string()
  .regex(listenPattern, { error: 'must be `HOST:PORT` or `none`', abort: true })
  .transform((text): ListenAddress => {
    if (text === 'none') return { kind: 'none' }
    return { kind: 'tcp', ...hostPortOf(text) }
  })
  .refine((address) => address.kind === 'none' || address.port <= 65_535, {
    message: 'has a port above 65535',
  })

export type ListenAddress = { readonly kind: 'none' } | ({ readonly kind: 'tcp' } & HostPort)

const learn = z
  .strictObject({
    floor: duration.prefault('1h').meta({ description: 'a window never ends before this' }),
    ceiling: duration.prefault('7d').meta({ description: 'a window never lasts longer than this' }),
    unseen: z.number().gt(0).max(1).default(0.01).meta({
      description:
        'between floor and ceiling, a window ends once the upper bound on unseen behaviour is below this',
    }),
    vanishAfter: duration.prefault('7d').meta({
      description:
        'how long after its own window what a version inherited and never showed is still expected',
    }),
  })
  .refine(({ floor, ceiling }) => floor <= ceiling, {
    path: ['floor'],
    message: 'must not be above `learn.ceiling`',
  })

const block = z.strictObject({
  canary: z.number().gt(0).max(1).default(defaultBlockRules.canary).meta({
    description:
      'share of the containers of a version on this node that is blocked first, one at least; `1`: all of them at once',
  }),
  canaryFor: duration
    .prefault(formatDuration(defaultBlockRules.canaryForMs))
    .meta({ description: 'how long only that share is blocked; then all are' }),
  budget: z.int().min(1).max(1_000_000).default(defaultBlockRules.budget).meta({
    description:
      'different acts of a version that are refused within a minute before blocking disarms itself and only alerts',
  }),
  failClosed: z.boolean().default(false).meta({
    description:
      'whether containers whose version is not known yet are kept from running programs; `false`: they run, and are only watched',
  }),
})

const trust = z.strictObject({
  keys: z.array(path).default([]).meta({
    description:
      'public keys (PEM files) whose profiles are taken: a new image that has one attached in its registry is enforced from its first act',
  }),
  mode: z
    .enum(['alert', 'block'])
    .default('alert')
    .meta({ description: 'what a deviation from such a profile gets' }),
  plainHttp: z
    .array(z.string().min(1))
    .default([])
    .meta({ description: 'registries (`HOST:PORT`) without TLS' }),
})

/** The config file, exactly: unknown keys are errors. Durations come out in milliseconds, sizes in bytes. */
export const configSchema = z
  .strictObject({
    listen: listen
      .prefault('127.0.0.1:7684')
      .meta({ description: 'where API, UI and metrics are served: `HOST:PORT` or `none`' }),
    hosts: z.array(z.string().min(1)).default([]).meta({
      description:
        'names, besides `localhost` and addresses, by which clients may call the API (against DNS rebinding)',
    }),
    tls: tlsSchema.prefault({}),
    oidc: oidcSchema.prefault({}),
    session: sessionSchema,
    data: path.default('/var/lib/snug').meta({
      description: 'directory of profiles, alerts and tokens; with `none` nothing is kept',
    }),
    socket: path.default('/run/snug/snug.sock').meta({ description: 'admin socket, mode 0600' }),
    node: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .meta({ description: 'name of this node in events and alerts; the host name where absent' }),
    sources: z
      .array(z.string().min(1))
      .min(1, 'must name at least one source')
      .default(['ebpf'])
      .meta({
        description:
          'where events come from: `ebpf`, `file:PATH`, and of other sensors `falco:PATH`, `tetragon:PATH`, `tracee:PATH`, `kubearmor:PATH`, `audit:PATH`; `listen:ADDRESS` is told by others; `module:PATH` is one of your own',
      }),
    learn: learn.prefault({}),
    after: z
      .enum(afterStates)
      .default('alert')
      .meta({ description: 'where a version goes by itself once learned' }),
    block: block.prefault({}),
    trust: trust.prefault({}),
    sinks: z
      .array(sinkSchema)
      .default([])
      .refine((sinks) => new Set(sinks.map(({ name }) => name)).size === sinks.length, {
        message: 'has two sinks of one name',
      })
      .meta({ description: 'where alerts are sent' }),
    outbox: outboxSchema.prefault({}),
    storm: stormSchema.prefault({}),
    traces: tracesSchema.prefault({}),
    log: z
      .strictObject({
        level: z
          .enum(logLevels)
          .default('info')
          .meta({ description: 'least level that is logged, on standard error' }),
      })
      .prefault({}),
    engines: z
      .strictObject({
        docker: z
          .strictObject({
            socket: path
              .default('/var/run/docker.sock')
              .meta({ description: 'socket of the Docker engine, or `none`' }),
          })
          .prefault({}),
        kubernetes: z
          .strictObject({
            access: z.string().min(1).default('none').meta({
              description:
                'how to reach the API server: `pod` (by the service account of the pod that the agent runs in), the path of a kubeconfig, or `none`; then `node` is the name of this node in the cluster',
            }),
            share: z.boolean().default(false).meta({
              description:
                'one profile for the fleet: whether what is learned and decided is shared by ImageProfiles, see docs/kubernetes.md',
            }),
            shareWithin: duration.prefault('2m').meta({
              description: 'how soon the fleet is told what this node learned',
            }),
          })
          .prefault({}),
        static: z
          .strictObject({
            manifest: path
              .optional()
              .meta({ description: 'YAML file that names containers and their images by hand' }),
          })
          .prefault({}),
      })
      .prefault({}),
    hold: z
      .strictObject({
        seconds: z
          .number()
          .gt(0)
          .max(600)
          .default(30)
          .meta({ description: 'how long acts wait for the identity of their container' }),
        events: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(10_000)
          .meta({ description: 'how many acts wait at most, of all containers' }),
      })
      .prefault({}),
    sensor: z
      .strictObject({
        path: path.optional().meta({
          description: 'executable of the eBPF sensor; the one built with Snug where absent',
        }),
      })
      .prefault({}),
    kernelState: path.default('/sys/fs/bpf/snug').meta({
      description:
        'folder on a bpffs in which programs, profiles and what was not told yet outlive the agent; `none`: they end with it',
    }),
    rings: z
      .strictObject({
        size: size
          .prefault('4MiB')
          .meta({ description: 'size of each ring buffer between kernel and sensor' }),
      })
      .prefault({}),
    alertPolicy: z
      .strictObject({
        wasm: path.optional().meta({
          description:
            'a policy in Rego that `opa build -t wasm` compiled: says of each new alert how grave it is, see docs/rego.md',
        }),
        entrypoint: z.string().min(1).default('snug/alert').meta({ description: 'its rule' }),
      })
      .prefault({}),
    alertsKept: z.int().min(100).max(1_000_000).default(10_000).meta({
      description: 'alerts that are kept to be looked at; beyond it the oldest go',
    }),
    flushInterval: duration.prefault('15s').meta({
      description:
        'how often counts of known behaviour are fetched from the kernel; what is not known is told within a second',
    }),
  })
  .meta({ title: 'Snug configuration' })

type Parsed = z.output<typeof configSchema>

/** What {@link configSchema} gives, with every default filled in. Durations in milliseconds, sizes in bytes. */
export type Config = Omit<Parsed, 'node'> & { readonly node: string }
