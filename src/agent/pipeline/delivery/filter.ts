import { severities, type Severity } from '../../../core/event/alert-words.ts'
import type { Alert } from '../../../core/event/alert.ts'
import {
  isAlert,
  isAudit,
  isIncident,
  type OutboundRecord,
  type OutboundRecordType,
} from '../../../core/event/outbound-record.ts'
import { globs } from '../../../core/match/glob.ts'

/** Selects the records of a sink. A record must match every member that is present, and an incident is asked for. */
export interface SinkFilter {
  /** Minimum severity. */
  readonly severity?: Severity | undefined
  readonly types?: readonly OutboundRecordType[] | undefined
  /** Globs on the repository, or on `repository:tag`. */
  readonly images?: readonly string[] | undefined
  /** Globs. */
  readonly namespaces?: readonly string[] | undefined
}

/** `summary`: the summary alert of a storm; `each`: the alerts that it summarises. */
export type Storms = 'summary' | 'each'

/**
 * A record without an image or namespace matches no filter on it.
 *
 * @param from minimum severity of a deviation if the filter has none
 */
export function recordFilter(
  filter: SinkFilter,
  storms: Storms,
  from: Severity = 'low',
): (record: OutboundRecord) => boolean {
  const { severity = 'low', types, images, namespaces } = filter
  const least = severities.indexOf(severity)
  const leastDeviation = severities.indexOf(filter.severity ?? from)
  const image = images && globs(images)
  const namespace = namespaces && globs(namespaces)
  return (record) => {
    if (severities.indexOf(record.severity) < least) return false
    if (isDeviation(record) && severities.indexOf(record.severity) < leastDeviation) return false
    if (isAlert(record) && record[storms === 'summary' ? 'partOf' : 'summary'] !== undefined) {
      return false
    }
    // What receives alerts alone would take an incident for one.
    if (types === undefined ? isIncident(record) : !types.includes(record.type)) return false
    if (image !== undefined && !imageNames(record).some(image)) return false
    return namespace === undefined || namespacesOf(record).some(namespace)
  }
}

/** A blocked event always leaves the node, whatever its severity. */
function isDeviation(record: OutboundRecord): boolean {
  return isAlert(record) && record.type === 'deviation' && record.action === 'alerted'
}

function namespacesOf(record: OutboundRecord): readonly string[] {
  if (isIncident(record)) return record.namespaces.length === 0 ? [''] : record.namespaces
  return [isAudit(record) ? '' : (record.workload?.namespace ?? '')]
}

function imageNames(record: OutboundRecord): readonly string[] {
  if (isIncident(record)) return record.images.flatMap((image) => [image, withoutTag(image)])
  if (isAlert(record)) return namesOf(record.image)
  const { image } = record.entry
  // `repository@digest`
  return typeof image === 'string' ? [image.slice(0, image.lastIndexOf('@'))] : []
}

/** A port is before a slash. */
function withoutTag(image: string): string {
  return image.replace(/:[^/:]*$/, '')
}

function namesOf(image: Alert['image']): readonly string[] {
  if (image === undefined) return []
  const { repository, tag } = image
  return tag === undefined ? [repository] : [repository, `${repository}:${tag}`]
}
