import type { AuditLine, Cluster } from './cluster/cluster.ts'

export interface Which {
  /** RFC 3339 */
  readonly since?: string
  readonly resource?: string
  readonly verb?: string
  /** That it was answered with. */
  readonly code?: number
}

/** The agents' requests to the API server, first to last, from its audit log. */
export function requests(cluster: Cluster, which: Which): readonly AuditLine[] {
  const { since = '', resource, verb, code } = which
  // There is another line at the end of a long answer.
  const last = new Map(cluster.audit().map((line) => [line.auditID, line]))
  return [...last.values()].filter(
    (line) =>
      line.userAgent === 'snug' &&
      line.requestReceivedTimestamp >= since &&
      line.objectRef.resource === (resource ?? line.objectRef.resource) &&
      line.verb === (verb ?? line.verb) &&
      line.responseStatus.code === (code ?? line.responseStatus.code),
  )
}

/** Between each and the next, in milliseconds. */
export function gaps(lines: readonly AuditLine[]): readonly number[] {
  const times = lines.map((line) => Date.parse(line.requestReceivedTimestamp))
  return times.slice(1).map((time, index) => time - (times[index] ?? 0))
}
