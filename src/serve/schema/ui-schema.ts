import { z } from 'zod'
import { alertActions, alertTypes, severities } from '../../core/event/alert.ts'
import { eventKinds } from '../../core/event/event.ts'
import { modes, shownStates, versionStates } from '../../api/engine-views.ts'
import {
  type AlertPage,
  type AlertStory,
  type BehaviourPage,
  type CardBehaviourPage,
  type LifeView,
  type PictureView,
  type ReviewPage,
  type TimelineView,
  actGroups,
  cardGroupings,
} from '../../api/page-views.ts'
import { alert } from '../../api/event-schema.ts'
import { behaviour } from './view-schema.ts'

/** The answers that the page is drawn from; each is typed by the facade that it describes. */
const text = z.string()
const count = z.number()
const maybe = text.exactOptional()
const texts = z.array(text)
const counts = z.record(text, count)
const severity = z.enum(severities)
const bySeverity = z.record(severity, count)
const state = z.enum(shownStates)
const action = z.enum(alertActions)
const standing = { state: z.enum(versionStates), mode: z.enum(modes) }

const mark = z.object({ time: text, what: text, who: text, image: maybe, text })

export const timeline: z.ZodType<TimelineView> = z.object({
  from: text,
  to: text,
  sliceMs: count,
  slices: z.array(z.object({ from: text, alerts: bySeverity, novel: count, lost: count })),
  marks: z.array(mark),
})

export const lives: z.ZodType<readonly LifeView[]> = z.array(
  z.object({
    ref: text,
    digest: text,
    tags: texts,
    from: text,
    to: maybe,
    stages: z.array(z.object({ ...standing, from: text, to: maybe, because: text })),
    marks: z.array(mark),
  }),
)

export const picture: z.ZodType<PictureView> = z.object({
  programs: z.array(
    z.object({
      exe: text,
      script: maybe,
      users: texts,
      acts: z.array(
        z.object({
          group: z.enum(actGroups),
          total: count,
          shown: z.array(z.object({ id: text, text, state })),
        }),
      ),
      open: count,
    }),
  ),
  runs: z.array(z.object({ from: count, to: count, id: text, state, drift: z.boolean() })),
  peers: z.array(
    z.object({
      protocol: text,
      peer: text,
      port: count,
      direction: z.enum(['out', 'in']),
      programs: z.array(count),
      count,
      state,
    }),
  ),
  left: z.object({ programs: count, peers: count }),
  deviations: count,
})

export const behaviourPage: z.ZodType<BehaviourPage> = z.object({
  total: count,
  offset: count,
  rows: z.array(behaviour),
  kinds: counts,
  states: counts,
})

const cardBehaviour = z.object({
  id: text,
  actor: text,
  user: text,
  kind: text,
  text,
  versions: texts,
  containers: count,
  count,
  firstSeen: text,
  lastSeen: text,
  guardrails: texts,
  explained: maybe,
})

export const cardBehaviourPage: z.ZodType<CardBehaviourPage> = z.object({
  total: count,
  offset: count,
  rows: z.array(cardBehaviour),
})

export const reviewPage: z.ZodType<ReviewPage> = z.object({
  total: count,
  offset: count,
  cards: z.array(
    z.object({
      key: text,
      id: text,
      repository: text,
      grouping: z.enum(cardGroupings),
      actor: text,
      user: text,
      kinds: texts,
      text,
      behaviours: count,
      samples: z.array(cardBehaviour),
      proposed: maybe,
      places: z.array(
        z.object({
          ref: text,
          tags: texts,
          ...standing,
          revision: text,
          behaviourState: state,
          behaviours: texts,
          containers: count,
          count,
        }),
      ),
      origins: texts,
      containers: count,
      sessions: texts,
      count,
      firstSeen: text,
      lastSeen: text,
      guardrails: texts,
      reasons: texts,
      nearest: maybe,
      elsewhere: texts.exactOptional(),
      explained: maybe,
      alerts: texts,
    }),
  ),
  behaviours: count,
  versions: z.array(
    z.object({
      ref: text,
      revision: text,
      repository: text,
      tags: texts,
      state: standing.state,
      behaviours: count,
      sentence: text,
      because: text,
    }),
  ),
  repositories: counts,
})

export const alertPage: z.ZodType<AlertPage> = z.object({
  total: count,
  offset: count,
  rows: z.array(
    z.object({
      id: text,
      revision: text,
      time: text,
      lastSeen: text,
      severity,
      type: z.enum(alertTypes),
      action,
      text,
      actor: maybe,
      uid: count.exactOptional(),
      repository: maybe,
      tag: maybe,
      container: maybe,
      reason: text,
      attack: texts,
      persons: texts,
      count,
      decision: z.enum(['allowed', 'rejected', 'acknowledged']).exactOptional(),
      novelty: z.literal(true).exactOptional(),
      proposed: text.exactOptional(),
      alerts: count,
      containers: count,
    }),
  ),
  severities: bySeverity,
  repositories: counts,
})

export const story: z.ZodType<AlertStory> = z.object({
  alert,
  revision: text,
  ancestry: z.array(z.object({ exe: text, known: z.boolean() })),
  scope: z.enum(['session', 'container']),
  steps: z.array(
    z.object({
      time: text,
      kind: z.enum(eventKinds),
      text,
      actor: text,
      user: maybe,
      count,
      alert: maybe,
      severity: severity.exactOptional(),
      action: action.exactOptional(),
    }),
  ),
  left: z.object({ before: count, after: count }),
  incident: z.object({ id: text, title: text }).exactOptional(),
  hashes: z.array(z.object({ path: text, text })),
  persons: texts,
  alike: count,
  inProfile: z.boolean(),
})
