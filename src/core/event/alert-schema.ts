import { z } from 'zod'
import type { Actor, BehaviourObject } from '../behaviour/behaviour.ts'
import type { User } from '../behaviour/user.ts'
import { certainties, unknownWhys } from '../person/certainty.ts'
import { openObject } from '../view.ts'
import {
  alertActions,
  alertTypes,
  causeAccesses,
  placeClasses,
  replicaShifts,
  severities,
} from './alert-words.ts'
import {
  containerRef,
  event,
  imageRef,
  path,
  processRef,
  time,
  workloadRef,
} from './event-schema.ts'
import { origins, unhashedReasons } from './event-words.ts'

const optionalText = z.string().exactOptional()

export const behaviour = openObject({
  id: z.string(),
  kind: z.string(),
  object: z.string(),
  text: z.string(),
  form: openObject({
    actor: z.object({ exe: z.string(), script: z.string().exactOptional() }) as z.ZodType<Actor>,
    uid: z.union([z.int(), z.literal('declared')]) as z.ZodType<User>,
    object: (openObject({ kind: z.string() }) as unknown as z.ZodType<BehaviourObject>).meta({
      description: 'as `object` of `snug.behaviour/v1`',
    }),
    origin: z.enum(origins),
    literal: z
      .object({
        text: z.string(),
        values: z.array(z.string()),
        subject: z.string().exactOptional(),
      })
      .exactOptional(),
  })
    .exactOptional()
    .meta({
      description: 'of a deviation: who does what, as the event showed it. The id follows from it',
    }),
})

const candidates = z.int().min(0).meta({ description: 'requests that can have begun the session' })

export const person = z.union([
  openObject({
    certainty: z.enum(certainties).meta({
      description:
        '`certain`: only requests of this person fit; `likely`: a fact that would show it is missing',
    }),
    name: z.string().meta({ description: 'the user, as the API server authenticated them' }),
    as: optionalText.meta({ description: 'the user whom they impersonated' }),
    from: optionalText.meta({ description: 'address of the connection to the API server' }),
    agent: optionalText.meta({ description: 'what the client reports of itself' }),
    request: optionalText.meta({ description: '`auditID` of the request' }),
    candidates,
  }),
  openObject({ certainty: z.literal('unknown'), why: z.enum(unknownWhys), candidates }),
])

export const alertSession = openObject({
  id: z.string(),
  since: time.meta({ description: 'when its first event was seen' }),
  person,
})

export const risk = openObject({
  access: z.enum(causeAccesses),
  place: z.enum(placeClasses),
  /** `new`: the profile has no behaviour of this kind by the program. `drift`: the image did not ship it. */
  actor: z.enum(['known', 'new', 'drift']),
  origin: z.enum(origins),
  /** The executed or mapped file did not come with the image. */
  drift: z.boolean(),
  /** The image ships the object. */
  shipped: z.boolean(),
  /** It differs from what the window showed only in parts that were open there. */
  usual: z.boolean(),
  /** It does not leave the container: loopback, or a unix socket. */
  local: z.boolean(),
  /** Root gave up its identity. */
  leavesRoot: z.boolean(),
  replicas: z.enum(replicaShifts).exactOptional(),
})

export const alertDecision = openObject({
  kind: z.enum(['allowed', 'rejected', 'acknowledged']),
  by: z.string(),
  at: time,
  reason: optionalText,
  until: optionalText,
  onlyUid: z.int().exactOptional(),
  onlyWorkload: z.string().exactOptional().meta({ description: '`namespace/kind/name`' }),
})

export const alertSummary = openObject({
  kinds: z.record(z.string(), z.int()),
  severities: z.record(z.string(), z.int()),
  /** The most frequent first reasons. */
  reasons: z.array(openObject({ text: z.string(), count: z.int() })),
  first: z.array(z.string()).meta({ description: 'ids of the first alerts' }),
})

export const alertCause = openObject({
  id: z.string(),
  access: z.enum(causeAccesses),
  place: z
    .string()
    .meta({ description: 'a folder with `/` at its end, a program, a peer, or a name' }),
  /** Of a wide cause, `place` is the folder that holds all. */
  placeClass: z.enum(placeClasses),
  names: z.int().min(1).meta({ description: 'how many different behaviours share the alert' }),
  wide: z.literal(true).exactOptional().meta({
    description:
      'the alert summarises causes of this actor, access and class of place without a separate alert',
  }),
  parts: z
    .array(openObject({ id: z.string(), place: z.string(), names: z.int().min(1) }))
    .exactOptional()
    .meta({
      description:
        'of a wide cause, its first places that the service owns: allowing the alert covers later names of those with three or more',
    }),
  component: z
    .array(openObject({ id: z.string(), access: z.enum(causeAccesses), place: z.string() }))
    .exactOptional()
    .meta({
      description:
        'of a program or script that is new in this version of the image: each cause, in all containers',
    }),
  firstRun: z.literal(true).exactOptional().meta({
    description:
      'its component is a script that the window did not show, with the programs that it runs, in one container',
  }),
  instance: z.string().exactOptional().meta({
    description:
      'a new folder in which the program does what it does in one beside it: all of that shares the alert',
  }),
  proposed: z.string().exactOptional().meta({ description: 'a pattern that all names fit' }),
})

export const alert = openObject({
  schema: z.literal('snug.alert/v1'),
  id: z.string().meta({ description: 'sortable by time of creation' }),
  time,
  node: z.string(),
  severity: z.enum(severities),
  type: z.enum(alertTypes),
  action: z.enum(alertActions),
  reasons: z.array(z.string()).meta({ description: 'most important first' }),
  nearest: behaviour.nullable(),
  behaviour: behaviour.nullable(),
  image: imageRef.exactOptional(),
  container: containerRef.exactOptional(),
  workload: workloadRef.exactOptional(),
  process: processRef.exactOptional(),
  /** For an `enforcement` alert without an event: a loss of blocking, not of observation, with its span. */
  event,
  count: z.int().min(1),
  firstSeen: time,
  lastSeen: time,
  mode: z.string(),
  sources: z
    .array(z.string())
    .exactOptional()
    .meta({ description: 'names of the sources, if several reported the event' }),
  confidence: z
    .literal('partial')
    .exactOptional()
    .meta({ description: 'the evidence has holes, which the reasons name' }),
  guardrails: z.array(z.string()),
  attack: z.array(z.string()).meta({ description: 'MITRE ATT&CK technique ids' }),
  decision: alertDecision.exactOptional(),
  reopened: alertDecision.shape.at
    .exactOptional()
    .meta({ description: 'when the last decision on it was withdrawn' }),
  summary: alertSummary.exactOptional().meta({
    description:
      'only in a summary of many different alerts of one container: their kinds; `count` is their number',
  }),
  cause: alertCause
    .exactOptional()
    .meta({ description: 'deviations of one actor, access and place share an alert' }),
  samples: z
    .array(behaviour)
    .exactOptional()
    .meta({ description: 'behaviours that share the alert: the first few and the latest few' }),
  files: z
    .array(
      z.union([
        openObject({ path, sha256: z.string() }),
        openObject({ path, unhashed: z.enum(unhashedReasons) }),
      ]),
    )
    .exactOptional()
    .meta({ description: 'further files that were executed and that the image did not ship' }),
  loaded: z.array(behaviour).exactOptional().meta({
    description:
      'of the run of a program: files of the image that it loaded because of its build, such as its libraries. The profile expects these reads as soon as it expects the run',
  }),
  sessions: z.array(alertSession).exactOptional().meta({
    description:
      'sessions (`docker exec`, `kubectl exec`) whose events are in the alert, the first few and the latest few, with who began them',
  }),
  risk: risk.exactOptional().meta({ description: 'facts that determine the severity' }),
  replicas: openObject({ shown: z.int(), running: z.int() })
    .exactOptional()
    .meta({ description: 'containers of the version with such an alert, and all that ran then' }),
  novelty: z.literal(true).exactOptional().meta({
    description: 'low risk: waits for review; sinks get it only with `deliver.from: low`',
  }),
  partOf: z
    .string()
    .exactOptional()
    .meta({ description: 'id of the alert that summarises this one' }),
  incident: z.string().exactOptional().meta({
    description:
      'only in sinks: id of its incident, if that was known when the alert was sent and a sink receives incidents',
  }),
}).meta({ title: 'Snug alert, v1' })
