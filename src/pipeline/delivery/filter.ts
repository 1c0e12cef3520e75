import { type Alert, severities, type Severity } from '../../core/event/alert.ts'
import { isAudit, type Notice, type NoticeType } from '../../core/event/outbound-record.ts'
import { globs } from '../../core/match/glob.ts'

/** Which notices a sink gets: those that meet all that is named here. */
export interface SinkFilter {
  /** The least. */
  readonly severity?: Severity | undefined
  readonly types?: readonly NoticeType[] | undefined
  /** Globs on the repository, or on `repository:tag`. */
  readonly images?: readonly string[] | undefined
  /** Globs. */
  readonly namespaces?: readonly string[] | undefined
}

/** `summary`: of a storm the alert that stands for it; `each`: those that it stands for. */
export type Storms = 'summary' | 'each'

/** What is of no image, or no namespace, meets no filter by it. */
export function noticeFilter(filter: SinkFilter, storms: Storms): (notice: Notice) => boolean {
  const { severity = 'low', types, images, namespaces } = filter
  const least = severities.indexOf(severity)
  const image = images && globs(images)
  const namespace = namespaces && globs(namespaces)
  return (notice) => {
    if (severities.indexOf(notice.severity) < least) return false
    if (!isAudit(notice) && notice[storms === 'summary' ? 'partOf' : 'summary'] !== undefined) {
      return false
    }
    if (types !== undefined && !types.includes(notice.type)) return false
    if (image !== undefined && !imageNames(notice).some(image)) return false
    return namespace === undefined || namespace(namespaceOf(notice))
  }
}

function namespaceOf(notice: Notice): string {
  return isAudit(notice) ? '' : (notice.workload?.namespace ?? '')
}

function imageNames(notice: Notice): readonly string[] {
  if (!isAudit(notice)) return namesOf(notice.image)
  const { image } = notice.entry
  // `repository@digest`
  return typeof image === 'string' ? [image.slice(0, image.lastIndexOf('@'))] : []
}

function namesOf(image: Alert['image']): readonly string[] {
  if (image === undefined) return []
  const { repository, tag } = image
  return tag === undefined ? [repository] : [repository, `${repository}:${tag}`]
}
