import type { Alert } from '../../../../core/event/alert.ts'
import type { ProcessRef } from '../../../../core/event/event.ts'
import type { IncidentRecord } from '../../../../core/incident/incident-record.ts'

/** Returns the same alert with shorter content. */
export type Cut = (alert: Alert) => Alert

/**
 * Each removes more than the one before. The identifying fields (id, type, image, container) stay
 * whole.
 */
export const cuts: readonly Cut[] = [
  cutter({ text: 1_024, args: 2_048, list: 8 }),
  cutter({ text: 256, args: 512, list: 4 }),
  cutter({ text: 96, args: 64, list: 2 }),
  cutter({ text: 48, args: 0, list: 1 }),
]

/** Of an incident, from the least: what identifies it stays whole. */
export const incidentCuts: readonly ((record: IncidentRecord) => IncidentRecord)[] = [
  incidentCutter({ text: 512, ids: 50, list: 20 }),
  incidentCutter({ text: 256, ids: 10, list: 5 }),
  incidentCutter({ text: 48, ids: 1, list: 1 }),
]

interface Limits {
  /** Characters of a text. */
  readonly text: number
  /** Characters of all arguments. */
  readonly args: number
  /** Reasons, ancestors, samples, loaded and executed files, sessions. */
  readonly list: number
}

function cutter(limits: Limits): Cut {
  return (alert) => {
    const { process, event, nearest } = alert
    const slim = shortTexts(fewerOf(alert, limits.list), limits.text) as Alert
    const fewer = { ...slim, nearest: limits.list > 1 ? slim.nearest : null }
    if (nearest === null && process === undefined) return fewer
    return {
      ...fewer,
      ...(process === undefined ? {} : { process: shortProcess(process, limits) }),
      ...(event.kind === 'loss'
        ? {}
        : { event: { ...slim.event, process: shortProcess(event.process, limits) } }),
    } as Alert
  }
}

function incidentCutter({
  text,
  ids,
  list,
}: {
  readonly text: number
  readonly ids: number
  readonly list: number
}): (record: IncidentRecord) => IncidentRecord {
  return (record) => {
    const { places, images, namespaces, persons, attack, guardrails, alertIds } = record
    const fewer: IncidentRecord = {
      ...record,
      places: places.slice(0, list),
      images: images.slice(0, list),
      namespaces: namespaces.slice(0, list),
      persons: persons.slice(0, list),
      attack: attack.slice(0, list),
      guardrails: guardrails.slice(0, list),
      alertIds: alertIds.slice(0, ids),
    }
    return shortTexts(fewer, text) as IncidentRecord
  }
}

function fewerOf(alert: Alert, most: number): Alert {
  const { reasons, samples, loaded, files, sessions } = alert
  return {
    ...alert,
    reasons: reasons.slice(0, most),
    ...(samples === undefined ? {} : { samples: samples.slice(0, most) }),
    ...(loaded === undefined ? {} : { loaded: loaded.slice(0, most) }),
    ...(files === undefined ? {} : { files: files.slice(0, most) }),
    ...(sessions === undefined ? {} : { sessions: sessions.slice(0, most) }),
  }
}

function shortProcess(process: ProcessRef, { text, args, list }: Limits): ProcessRef {
  const slim = shortTexts({ ...process, args: [] }, text) as ProcessRef
  const ancestors = process.ancestors?.slice(0, list).map((path) => shortText(path, text))
  const kept = process.args === undefined ? undefined : shortArgs(process.args, args)
  const { args: _, ancestors: __, ...rest } = slim
  return {
    ...rest,
    ...(ancestors === undefined ? {} : { ancestors }),
    ...(kept === undefined ? {} : { args: kept }),
    ...(kept?.join() === process.args?.join() ? {} : { argsCut: true }),
  }
}

function shortArgs(args: readonly string[], most: number): string[] {
  const kept: string[] = []
  let left = most
  for (const arg of args) {
    if (left <= 0) break
    kept.push(shortText(arg, left))
    left -= arg.length
  }
  return kept
}

/** Marks, times and digests are shorter than any limit but the least; those keep their length. */
const whole = new Set([
  'schema',
  'id',
  'time',
  'firstSeen',
  'lastSeen',
  'digest',
  'sha256',
  'from',
  'to',
])

function shortTexts(value: unknown, most: number, key = ''): unknown {
  if (typeof value === 'string') return whole.has(key) ? value : shortText(value, most)
  if (Array.isArray(value)) return value.map((item) => shortTexts(item, most, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, shortTexts(member, most, name)]),
  )
}

function shortText(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, Math.max(0, most - 1))}…`
}
