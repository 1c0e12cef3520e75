import { z } from 'zod'
import { personView } from '../../api/person-views.ts'
import { counts, count, maybe, severity, text, texts } from '../../api/view-parts.ts'
import { alertActions } from '../../core/event/alert-words.ts'
import { certainties } from '../../core/person/certainty.ts'
import { openWord, type View } from '../../core/view.ts'

/** What persons did in sessions, over all nodes: of the alerts that the console has in memory, and of nothing else. */
const covers = z.object({
  alerts: count,
  /** When the stream received the oldest of them; absent: there is none. */
  from: maybe,
  /** Sessions whose events are in these alerts, as far as these name them. */
  sessions: count,
  /** Of these, those of which nobody is named, by the reason. */
  unnamed: z.array(
    z.object({
      why: text,
      text: text.meta({ description: 'the reason, for people' }),
      sessions: count,
    }),
  ),
})
export type PersonsCover = View<typeof covers>

/** `firstSeen`: when the first of their sessions began. `lastSeen`: the last event of their alerts. */
const personFacts = {
  ...personView.omit({ containers: true, entrances: true }).shape,
  severity: severity.meta({ description: 'of the gravest alert' }),
  /** How sure the agents are who began it → sessions. */
  certainties: counts,
  /** Alerts without a decision. */
  open: count,
  /** The first few. */
  nodes: texts,
  nodeCount: count,
  /** Workloads, or containers without one: the first few. */
  places: texts,
  containerCount: count,
  incidentCount: count,
}
const personRow = z.object(personFacts)
export type FleetPersonRow = View<typeof personRow>

/** The latest first. */
export const persons = z.object({ total: count, offset: count, rows: z.array(personRow), covers })
export type FleetPersonPage = View<typeof persons>

const session = z.object({
  id: text,
  /** When its first event was seen. */
  since: text,
  certainty: z.enum(certainties),
  as: maybe,
  from: maybe,
  alerts: count,
})

/** An alert with events of their sessions. */
const act = z.object({
  /** Number of its message in the stream. */
  seq: count,
  firstSeen: text,
  lastSeen: text,
  severity,
  action: openWord(alertActions),
  decision: maybe,
  actor: maybe,
  text,
  count: count.meta({ description: 'events, also those of others that share the alert' }),
  others: count.meta({
    description: 'sessions in the alert by somebody else, or by nobody who is named',
  }),
})

const container = z.object({
  node: text,
  /** 64 hex digits */
  id: text,
  name: maybe,
  place: text.meta({ description: 'its workload, or itself' }),
  /** Repository */
  image: maybe,
  severity: severity.meta({ description: 'of the gravest alert' }),
  /** The latest first, and the first few only. */
  sessions: z.array(session),
  sessionCount: count,
  /** The gravest, in order of time. */
  acts: z.array(act),
  alerts: count,
})
export type PersonContainer = View<typeof container>

/** One person: what they did in which containers on which nodes. */
export const personStory = z.object({
  ...personFacts,
  /** The latest first, and the first few only. */
  containers: z.array(container),
  /** Those with an alert of their sessions: the most severe first, and the first few only. */
  incidents: z.array(
    z.object({
      id: text,
      title: text,
      severity,
      state: z.enum(['open', 'closed']),
      lastSeen: text,
      alerts: count,
      theirs: count.meta({ description: 'alerts of it with events of their sessions' }),
    }),
  ),
  covers,
})
export type FleetPersonStory = View<typeof personStory>
