import { type Alert, type AlertType, severities, type Severity } from '../event/alert.ts'
import { globs } from '../match/glob.ts'

/** Which alerts a sink gets: those that meet all that is named here. */
export interface SinkFilter {
  /** The least. */
  readonly severity?: Severity | undefined
  readonly types?: readonly AlertType[] | undefined
  /** Globs on the repository, or on `repository:tag`. */
  readonly images?: readonly string[] | undefined
  /** Globs. */
  readonly namespaces?: readonly string[] | undefined
}

/** An alert without an image, or a namespace, meets no filter by it. */
export function alertFilter(filter: SinkFilter): (alert: Alert) => boolean {
  const { severity = 'low', types, images, namespaces } = filter
  const least = severities.indexOf(severity)
  const image = images && globs(images)
  const namespace = namespaces && globs(namespaces)
  return (alert) => {
    if (severities.indexOf(alert.severity) < least) return false
    if (types !== undefined && !types.includes(alert.type)) return false
    if (image !== undefined && !imageNames(alert).some(image)) return false
    return namespace === undefined || namespace(alert.workload?.namespace ?? '')
  }
}

function imageNames({ image }: Alert): readonly string[] {
  if (image === undefined) return []
  const { repository, tag } = image
  return tag === undefined ? [repository] : [repository, `${repository}:${tag}`]
}
