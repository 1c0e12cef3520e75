import { z } from 'zod'
import { alertActions, severities } from '../../core/event/alert.ts'
import { linkKinds } from '../../core/incident/incident-links.ts'
import {
  type IncidentClosure,
  type IncidentPage,
  type IncidentStory,
  type IncidentView,
  incidentStates,
} from '../../api/incident-views.ts'
import { alertDecision } from './event-schema.ts'

const text = z.string()
const texts = z.array(text)
const count = z.number()
const severity = z.enum(severities)
const bySeverity = z.record(severity, count)

const facts = {
  id: text,
  revision: text,
  title: text,
  severity,
  state: z.enum(incidentStates),
  firstSeen: text,
  lastSeen: text,
  alerts: count,
  open: count,
  events: count,
  severities: bySeverity,
  containers: count,
  places: texts,
  images: texts,
  persons: texts,
  attack: texts,
  guardrails: texts,
  follows: text.exactOptional(),
  closed: alertDecision.exactOptional(),
}
const incident: z.ZodType<IncidentView> = z.object(facts)

export const page: z.ZodType<IncidentPage> = z.object({
  total: count,
  incidents: z.array(incident),
  outside: bySeverity,
})

export const story: z.ZodType<IncidentStory> = z.object({
  ...facts,
  steps: z.array(
    z.object({
      firstSeen: text,
      lastSeen: text,
      severity,
      action: z.enum(alertActions),
      actor: text,
      text,
      alert: text,
      alerts: count,
      containers: count,
      events: count,
    }),
  ),
  members: z.array(
    z.object({
      alert: text,
      severity,
      because: text,
      link: z.enum(linkKinds).exactOptional(),
      with: text.exactOptional(),
      decision: alertDecision.shape.kind.exactOptional(),
    }),
  ),
  left: z.object({ steps: count, members: count }),
})

export const closure: z.ZodType<IncidentClosure> = z.object({ incident, acknowledged: texts })
