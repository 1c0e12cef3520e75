import { z } from 'zod'
import { type ProfileScope, profileScopes } from '../../core/event/image-key.ts'
import { blockedFrom, defaultBlockRules } from '../../core/lifecycle/blocking.ts'
import { unitPatterns } from '../../core/match/unit-globs.ts'
import { oidcSchema, sessionSchema, tlsSchema } from './access-schema.ts'
import { formatDuration } from './duration.ts'
import { keylessSchema } from './keyless-schema.ts'
import { fleetSchema } from './fleet-schema.ts'
import { captureSchema, respondSchema } from './respond-schema.ts'
import {
  deliverSchema,
  outboxSchema,
  sinkSchema,
  stormSchema,
  tracesSchema,
} from './sink-schema.ts'
import {
  duration,
  type HostPort,
  hostPortOf,
  hostPortPattern,
  logLevels,
  path,
  size,
} from './value-schema.ts'

const profiles = z.strictObject({
  scope: z.enum(profileScopes).optional().meta({
    description:
      'whether an image has one profile for the whole `cluster`, or one for each `namespace` or `workload`. Default: `namespace` with access to Kubernetes, else `cluster`',
  }),
  mergeFrom: z.int().min(0).max(10_000).default(0).meta({
    description:
      'number of scopes that must have learned a behaviour of an image before its other scopes expect it. `0`: only a person extends it',
  }),
})

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
    floor: duration.prefault('1h').meta({ description: 'minimum length of a learning window' }),
    ceiling: duration.prefault('7d').meta({ description: 'maximum length of a learning window' }),
    unseen: z.number().gt(0).max(1).default(0.01).meta({
      description:
        'between floor and ceiling, a window ends when the upper bound on unseen behaviour falls below this value',
    }),
    vanishAfter: duration.prefault('7d').meta({
      description:
        'how long after its own window a version keeps inherited behaviours that it has not shown',
    }),
    starters: z.boolean().default(false).meta({
      description:
        'after its window, an image also expects what other builds of its packages do, from the starter profiles of this installation. None of it is enough to block',
    }),
    namespaces: z.array(z.string().min(1)).min(1).default(['**']).meta({
      description:
        'globs of the namespaces whose containers teach their versions. Behaviours of others wait for review. `**`: all, also containers without a namespace',
    }),
    representative: z
      .array(z.strictObject({ images: z.array(z.string().min(1)).min(1), file: path }))
      .default([])
      .meta({
        description:
          'what versions must have shown before their window ends: globs of repositories, and a file as for `snug gate --representative`, which is read with the config',
      }),
  })
  .refine(({ floor, ceiling }) => floor <= ceiling, {
    path: ['floor'],
    message: 'must not be above `learn.ceiling`',
  })

const unitGlobs = z
  .array(z.string().min(1))
  .default([])
  .superRefine((globs, context) => {
    const patterns = unitPatterns(globs)
    if (typeof patterns === 'string') context.addIssue({ code: 'custom', message: patterns })
  })

const block = z.strictObject({
  canary: z.number().gt(0).max(1).default(defaultBlockRules.canary).meta({
    description:
      'share of the containers of a version on this node that Snug blocks first, at least one; `1` blocks all of them at once',
  }),
  canaryFor: duration
    .prefault(formatDuration(defaultBlockRules.canaryForMs))
    .meta({ description: 'how long Snug blocks only that share; then it blocks all containers' }),
  budget: z.int().min(1).max(1_000_000).default(defaultBlockRules.budget).meta({
    description:
      'maximum number of different actions of one kind that the kernel stops within a minute; beyond it, that kind only alerts',
  }),
  from: z.enum(blockedFrom).default(defaultBlockRules.from).meta({
    description:
      '`medium`: novelty that the kernel distinguishes is reported and not stopped; `low`: the kernel stops every deviation',
  }),
  vitalUnits: unitGlobs.meta({
    description:
      'globs of units that keep the host running (such as `ssh.service`) and may block all the same. Others of them only alert, see docs/units.md',
  }),
  failClosed: z.boolean().default(false).meta({
    description:
      '`true`: containers whose version is not known yet cannot execute programs; `false`: they run and are only observed',
  }),
})

const retention = z.strictObject({
  versions: z.int().min(1).max(10_000).default(10).meta({
    description:
      'number of versions of a lineage that the agent keeps, by their last event. It never removes one that runs or blocks, that a person decided on, the newest one, or the newest enforced one',
  }),
  age: duration.prefault('90d').meta({
    description:
      'how long the agent keeps a version after its last event, with the same exceptions; each removal is in the audit log',
  }),
})

const trust = z.strictObject({
  keys: z.array(path).default([]).meta({
    description:
      'trusted public keys (PEM files): a new image with an attached profile from one of them is enforced from its first event',
  }),
  keyless: keylessSchema.prefault({}),
  mode: z
    .enum(['alert', 'block'])
    .default('alert')
    .meta({ description: 'mode of a version with such a profile' }),
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
      .meta({ description: 'address of API, page and metrics: `HOST:PORT` or `none`' }),
    hosts: z.array(z.string().min(1)).default([]).meta({
      description:
        'host names, besides `localhost` and addresses, that clients may use for the API (protects against DNS rebinding)',
    }),
    tls: tlsSchema.prefault({}),
    oidc: oidcSchema.prefault({}),
    session: sessionSchema,
    data: path.default('/var/lib/snug').meta({
      description: 'directory of profiles, alerts and tokens; `none` stores nothing',
    }),
    socket: path.default('/run/snug/snug.sock').meta({ description: 'admin socket, mode 0600' }),
    node: z
      .string()
      .min(1)
      .max(253)
      .optional()
      .meta({ description: 'name of this node in events and alerts; default: the host name' }),
    sources: z
      .array(z.string().min(1))
      .min(1, 'must name at least one source')
      .default(['ebpf'])
      .meta({
        description:
          'sources of events: `ebpf`, `file:PATH`; other sensors: `falco:PATH`, `tetragon:PATH`, `tracee:PATH`, `kubearmor:PATH`, `audit:PATH`; `listen:ADDRESS` receives events; `module:PATH` loads your own source',
      }),
    units: unitGlobs.meta({
      description:
        'globs of systemd units that have profiles as images have, such as `nginx.service` and `worker@*`, see docs/units.md',
    }),
    learn: learn.prefault({}),
    profiles: profiles.prefault({}),
    after: z
      .enum(afterStates)
      .default('alert')
      .meta({ description: 'state or mode of a version after its learning window' }),
    block: block.prefault({}),
    retention: retention.prefault({}),
    trust: trust.prefault({}),
    sinks: z
      .array(sinkSchema)
      .default([])
      .refine((sinks) => new Set(sinks.map(({ name }) => name)).size === sinks.length, {
        message: 'has two sinks with the same name',
      })
      .meta({ description: 'receivers of alerts' }),
    respond: respondSchema.prefault({}),
    capture: captureSchema.prefault({}),
    deliver: deliverSchema.prefault({}),
    outbox: outboxSchema.prefault({}),
    storm: stormSchema.prefault({}),
    traces: tracesSchema.prefault({}),
    log: z
      .strictObject({
        level: z
          .enum(logLevels)
          .default('info')
          .meta({ description: 'minimum level of log messages on standard error' }),
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
        podman: z
          .strictObject({
            sockets: z.array(path).default(['/run/podman/podman.sock']).meta({
              description:
                'sockets of Podman; one that does not exist is looked for again. `*` stands for every folder: `/run/user/*/podman/podman.sock` are those of users (rootless), whom you must trust with it, see docs/podman.md',
            }),
            userStarts: path.default('none').meta({
              description:
                'socket where the hook of users’ Podman (rootless) reports a container before it starts, such as `/run/snug/starts.sock`, or `none`. Every user may connect to it',
            }),
          })
          .prefault({}),
        containerd: z
          .strictObject({
            socket: path.default('none').meta({
              description:
                'socket of containerd, such as `/run/containerd/containerd.sock`, where it runs containers on its own, or `none`',
            }),
          })
          .prefault({}),
        kubernetes: z
          .strictObject({
            access: z.string().min(1).default('none').meta({
              description:
                'access to the API server: `pod` (service account of the agent’s pod), the path of a kubeconfig, or `none`. With access, `node` must be the name of this node in the cluster',
            }),
            share: z.boolean().default(false).meta({
              description:
                'whether nodes share profiles and decisions through ImageProfiles, see docs/kubernetes.md',
            }),
            events: z.boolean().default(false).meta({
              description:
                'whether each new alert is an Event on its pod, which `kubectl describe pod` shows. At most 10 at once and one a minute for each pod',
            }),
            labelHeld: z.boolean().default(false).meta({
              description:
                'whether the pod of a held container has the label `snug.dev/held`, see docs/quarantine.md. It takes the right to patch pods',
            }),
            deleteHeld: z.boolean().default(false).meta({
              description:
                'whether a quarantine of the level `stop` deletes the pod of the container, see docs/quarantine.md. It takes the right to delete pods',
            }),
            reports: z.boolean().default(false).meta({
              description:
                'whether images with behaviours that wait for review are in a Report (`openreports.io/v1alpha1`) in their namespace, one of each node. A node writes at most one each 30 seconds',
            }),
            shareWithin: duration.prefault('2m').meta({
              description: 'maximum delay of reports from this node to the fleet',
            }),
            auditLog: path.default('none').meta({
              description:
                'audit log of the API server (`audit.k8s.io/v1`, a line for each event), where this node has the file, or `none`. With it, alerts name the person who began a session, see docs/sessions.md',
            }),
            nri: path.default('none').meta({
              description:
                'socket of the Node Resource Interface of containerd or CRI-O, such as `/var/run/nri/nri.sock`, or `none`. With it, block mode holds from the first program of a container, see docs/kubernetes.md',
            }),
            runtime: path.default('/run/containerd/containerd.sock').meta({
              description:
                'socket of the container runtime (CRI), which reports the image of a new container; used with `nri` only',
            }),
          })
          .refine(({ access, nri }) => nri === 'none' || access !== 'none', {
            message: '`nri` needs `access`: the API server has the pods',
          })
          .refine(({ access, auditLog }) => auditLog === 'none' || access !== 'none', {
            message: '`auditLog` needs `access`: the API server has the pods',
          })
          .prefault({}),
        runtimes: z
          .strictObject({
            ownKernel: z.array(z.string().min(1)).default([]).meta({
              description:
                'globs of further runtimes whose containers have their own kernel: containers of them are blind, see docs/blind-containers.md',
            }),
            hostKernel: z.array(z.string().min(1)).default([]).meta({
              description:
                'globs of further runtimes that run containers on the kernel of the host, such as a wrapper of runc',
            }),
          })
          .prefault({}),
        static: z
          .strictObject({
            manifest: path
              .optional()
              .meta({ description: 'YAML file that lists containers and their images' }),
          })
          .prefault({}),
      })
      .prefault({}),
    fleet: fleetSchema.prefault({}),
    hold: z
      .strictObject({
        seconds: z
          .number()
          .gt(0)
          .max(600)
          .default(30)
          .meta({ description: 'how long events wait for the identity of their container' }),
        events: z
          .int()
          .min(1)
          .max(1_000_000)
          .default(10_000)
          .meta({ description: 'maximum number of waiting events of all containers' }),
      })
      .prefault({}),
    sensor: z
      .strictObject({
        path: path.optional().meta({
          description: 'executable of the eBPF sensor; default: the one built with Snug',
        }),
      })
      .prefault({}),
    kernelState: path.default('/sys/fs/bpf/snug').meta({
      description:
        'folder on a bpffs that keeps programs, profiles and unreported events when the agent ends; `none`: the kernel keeps nothing',
    }),
    rings: z
      .strictObject({
        size: size
          .prefault('4MiB')
          .meta({ description: 'size of each ring buffer between kernel and sensor' }),
      })
      .prefault({}),
    guardrails: path.optional().meta({
      description:
        'YAML file with guardrails of your own, in the form of profiles/guardrails.yaml: SHA-256 of known bad files, for one. They are added to the built-in guardrails',
    }),
    techniques: path.optional().meta({
      description:
        'YAML file with rules that give alerts ids of ATT&CK techniques, in the form of profiles/techniques.yaml. They are added to the built-in rules, and replace those of the same id',
    }),
    alertPolicy: z
      .strictObject({
        wasm: path.optional().meta({
          description:
            'Rego policy, compiled with `opa build -t wasm`, that sets the severity of each new alert, see docs/rego.md',
        }),
        entrypoint: z
          .string()
          .min(1)
          .default('snug/alert')
          .meta({ description: 'rule of that policy' }),
      })
      .prefault({}),
    alertsKept: z.int().min(100).max(1_000_000).default(10_000).meta({
      description: 'maximum number of stored alerts; the agent removes the oldest beyond it',
    }),
    auditKept: z.int().min(10_000).max(10_000_000).default(100_000).meta({
      description:
        'maximum number of stored audit entries; beyond it, the agent removes the oldest and records the hash of the last removed one',
    }),
    flushInterval: duration.prefault('15s').meta({
      description:
        'how often the agent fetches counts of known behaviour from the kernel; unknown events arrive within a second',
    }),
  })
  .refine(({ fleet, engines }) => fleet.type === 'none' || !engines.kubernetes.share, {
    path: ['fleet', 'type'],
    message: 'must be `none` with `engines.kubernetes.share`: a node shares in one place',
  })
  .meta({ title: 'Snug configuration' })

type Parsed = z.output<typeof configSchema>

/** The output of {@link configSchema}, with every default filled in. Durations in milliseconds, sizes in bytes. */
export type Config = Omit<Parsed, 'node' | 'profiles'> & {
  readonly node: string
  readonly profiles: { readonly scope: ProfileScope; readonly mergeFrom: number }
}
