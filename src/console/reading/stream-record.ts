import { z } from 'zod'
import { type AgentReport, agentReport } from '../../core/event/agent-report-schema.ts'
import { certainties } from '../../core/person/certainty.ts'
import { causeAccesses, type Severity, severities } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { incidentFact, type IncidentRole } from '../../core/incident/incident-fact.ts'
import { placeOf, titleStep } from '../../core/incident/incident-title.ts'
import { type NamedPerson, sessionsOfAlert } from '../../core/person/session-person.ts'
import { type Connection, connectionIn } from './connection.ts'
import type { Interned } from './interned.ts'
import type { StreamMessage } from '../../fleet/nats/stream-log.ts'
import type { FleetAlertRow } from './views.ts'

const short = z.string().max(500)
const long = z.string().max(20_000)
const moment = z.iso.datetime()
/** One that only a later version has counts as the gravest: it must not be overlooked. */
const severity = short.transform((word): Severity => {
  return severities.find((known) => known === word) ?? 'critical'
})
const behaviour = z.looseObject({ id: short, kind: short, object: long, text: long })
const alertSchema = z.looseObject({
  schema: z.literal('snug.alert/v1'),
  id: short.min(1),
  time: moment,
  node: short.min(1),
  severity,
  type: short,
  action: short,
  reasons: z.array(long).max(1_000),
  behaviour: behaviour.nullable(),
  image: z
    .looseObject({ repository: short, digest: short, scope: short.exactOptional() })
    .optional(),
  container: z.looseObject({ id: short, name: short.optional() }).optional(),
  workload: z.looseObject({ namespace: short.optional(), name: short.optional() }).optional(),
  process: z
    .looseObject({
      exe: long,
      script: long.optional(),
      parent: long.optional(),
      pid: z.number().optional(),
      ppid: z.number().optional(),
      session: short.optional(),
    })
    .optional(),
  event: z
    .looseObject({
      kind: short,
      connect: z.looseObject({ address: short, port: z.number() }).optional(),
    })
    .refine(({ kind, connect }) => kind !== 'connect' || connect !== undefined),
  count: z.number(),
  firstSeen: moment,
  lastSeen: moment,
  guardrails: z.array(short).max(1_000),
  attack: z.array(short).max(1_000),
  decision: z
    .looseObject({
      kind: short,
      by: short,
      at: moment.optional().catch(undefined),
      reason: long.optional(),
    })
    .optional(),
  cause: z.looseObject({ id: short, names: z.number() }).optional(),
  samples: z.array(behaviour).max(1_000).optional(),
  novelty: z.literal(true).optional(),
  summary: z.looseObject({ first: z.array(short).max(1_000) }).optional(),
  sessions: z
    .array(
      z.looseObject({
        id: short,
        person: z.looseObject({
          certainty: short,
          name: short.optional(),
          as: short.optional(),
          from: short.optional(),
          why: short.optional(),
        }),
      }),
    )
    .max(1_000)
    .optional(),
})

/** One whose person only a later version can state names nobody, and is left out. */
const sessionSchema = z.looseObject({
  id: short,
  since: moment,
  person: z.union([
    z.looseObject({ certainty: z.literal('unknown'), why: short }),
    z.looseObject({
      certainty: z.enum(certainties),
      name: short.min(1),
      as: short.exactOptional(),
      from: short.exactOptional(),
    }),
  ]),
})

/** A cause of another version may have no line: the behaviour has one. */
const lineSchema = z.looseObject({
  access: z.enum(causeAccesses),
  place: long,
  names: z.number(),
  wide: z.literal(true).optional(),
  instance: long.optional(),
  firstRun: z.literal(true).optional(),
  component: z
    .array(z.looseObject({ access: z.enum(causeAccesses), place: long }))
    .max(1_000)
    .optional(),
})

/** An alert as the console keeps it. */
export interface KeptAlert extends FleetAlertRow {
  /** Ids of the behaviours that share it, as far as it names them. */
  readonly behaviours: readonly string[]
  /** How many share it. */
  readonly names: number
  readonly cause?: string
  readonly guardrails: readonly string[]
  /** Of these behaviours, the connections; absent: none is one. */
  readonly connections?: readonly KeptConnection[]
  /** Name of the ImageProfile of its image; absent where it is of no image. */
  readonly profile?: string
  /** Of its decision. */
  readonly decidedAt?: string
  readonly decidedFor?: string
  /** When the stream received that its decision was withdrawn on its node. */
  readonly reopenedAt?: string
  /** Whose events are in it, as far as it names them; absent: none. */
  readonly sessions?: readonly KeptSession[]
  readonly incident: KeptIncidentFacts
}

export interface KeptSession {
  readonly id: string
  readonly since: string
  /** Who began it: `certain` or `likely`; absent where nobody is named. */
  readonly person?: Pick<NamedPerson, 'name' | 'certainty' | 'as' | 'from'>
  /** Why nobody is named. */
  readonly why?: string
}

/** What incidents need of an alert, in one object without others below it: a hundred thousand alerts are in memory. */
export interface KeptIncidentFacts {
  readonly firstSeen: string
  readonly role: IncidentRole
  /** Node and container. */
  readonly container: string | undefined
  readonly session: string | undefined
  readonly pid: number | undefined
  readonly ppid: number | undefined
  readonly starts: boolean
  readonly act: string | undefined
  readonly destination: string | undefined
  readonly parts: readonly string[] | undefined
  readonly place: string
  readonly attack: readonly string[]
  /** Absent: a title states nothing of it. */
  readonly stepKind: string | undefined
  readonly stepActor: string | undefined
  readonly stepText: string | undefined
}

export interface KeptConnection extends Connection {
  /** Of the behaviour. */
  readonly id: string
}

/** Longer texts are cut in a row; the alert itself has all of them. */
const textKept = 300

/**
 * The alert in a message of the stream; undefined for anything else. Messages are what nodes sent: nothing in them is
 * trusted but its form.
 */
export function alertIn(
  { seq, time, value }: StreamMessage,
  keep: Interned,
): KeptAlert | undefined {
  const parsed = alertSchema.safeParse(value)
  if (!parsed.success) return undefined
  const alert = parsed.data
  const { image, container, workload, process, decision, behaviour: first, cause, samples } = alert
  const sessions = sessionsIn(alert.sessions, keep)
  const named = [...(first === null ? [] : [first]), ...(samples ?? [])]
  const ids = new Set(named.map(({ id }) => id))
  const connections = connectionsIn(named, keep)
  const reason = alert.reasons[0] ?? ''
  return {
    id: alert.id,
    seq,
    node: keep.text(alert.node),
    time: alert.time,
    lastSeen: alert.lastSeen,
    receivedAt: time,
    severity: alert.severity,
    type: alert.type,
    action: alert.action,
    text: keep.text(cut(first?.text ?? reason)),
    reason: keep.text(cut(reason)),
    count: alert.count,
    behaviours: [...ids].map((id) => keep.text(id)),
    names: Math.max(ids.size, cause?.names ?? 0),
    guardrails: alert.guardrails.map((id) => keep.text(id)),
    ...(connections.length > 0 && { connections }),
    ...(process && { actor: keep.text(cut(process.exe)) }),
    ...(image && {
      repository: keep.text(image.repository),
      digest: keep.text(image.digest),
      profile: keep.profile(image),
    }),
    ...(image?.scope !== undefined && { scope: keep.text(image.scope) }),
    ...(container && { container: container.name ?? container.id.slice(0, 12) }),
    ...(workload?.namespace !== undefined && { namespace: keep.text(workload.namespace) }),
    ...(decision && { decision: keep.text(decision.kind), decidedBy: keep.text(decision.by) }),
    ...(decision?.at !== undefined && { decidedAt: decision.at }),
    ...(decision?.reason !== undefined && { decidedFor: keep.text(cut(decision.reason)) }),
    ...(cause && { cause: keep.text(cause.id) }),
    ...(alert.novelty && { novelty: true as const }),
    persons: keep.list([...new Set(sessions.flatMap(({ person }) => person?.name ?? []))].sort()),
    ...(sessions.length > 0 && { sessions }),
    incident: incidentFactsIn(alert as unknown as Alert, keep),
  }
}

/** `alert`: its form is checked, as far as this reads it. */
function incidentFactsIn(alert: Alert, keep: Interned): KeptIncidentFacts {
  const { firstSeen, lastSeen, cause } = alert
  const fact = incidentFact(alert)
  const isLine = cause === undefined || lineSchema.safeParse(cause).success
  const step = titleStep(isLine ? alert : withoutCause(alert))
  const text = (value: string | undefined): string | undefined =>
    value === undefined ? undefined : keep.text(value)
  return {
    firstSeen: firstSeen === lastSeen ? lastSeen : firstSeen,
    role: fact.role,
    container: text(fact.container),
    session: text(fact.session),
    pid: fact.pid,
    ppid: fact.ppid,
    starts: fact.starts,
    act: text(fact.act),
    destination: text(fact.destination),
    parts: fact.parts,
    place: keep.text(placeOf(alert)),
    attack: keep.list(alert.attack),
    stepKind: text(step?.kind),
    stepActor: text(step && cut(step.actor)),
    stepText: text(step && cut(step.text)),
  }
}

function withoutCause(alert: Alert): Alert {
  const { cause: _, ...rest } = alert
  return rest
}

function sessionsIn(given: readonly unknown[] = [], keep: Interned): readonly KeptSession[] {
  return given.slice(0, sessionsOfAlert).flatMap((each): readonly KeptSession[] => {
    const parsed = sessionSchema.safeParse(each)
    if (!parsed.success) return []
    const { id, since, person } = parsed.data
    const session = { id: keep.text(id), since: keep.text(since) }
    if (person.certainty === 'unknown') return [{ ...session, why: keep.text(person.why) }]
    const { certainty, name, as, from } = person
    const who = {
      name: keep.text(name),
      certainty,
      ...(as === undefined ? {} : { as: keep.text(as) }),
      ...(from === undefined ? {} : { from: keep.text(from) }),
    }
    return [{ ...session, person: who }]
  })
}

function connectionsIn(
  named: readonly z.infer<typeof behaviour>[],
  keep: Interned,
): readonly KeptConnection[] {
  const found = new Map<string, KeptConnection>()
  for (const { id, kind, object } of named) {
    const connection = found.has(id) ? undefined : connectionIn({ kind, object: cut(object) })
    if (connection === undefined) continue
    const { protocol, peer } = connection
    found.set(id, {
      ...connection,
      id: keep.text(id),
      protocol: keep.text(protocol),
      peer: keep.text(peer),
    })
  }
  return [...found.values()]
}

/** The report of an agent in a message; undefined for anything else. */
export function reportIn(value: unknown): AgentReport | undefined {
  return agentReport.safeParse(value).data
}

function cut(text: string): string {
  return text.length <= textKept ? text : `${text.slice(0, textKept - 1)}…`
}
