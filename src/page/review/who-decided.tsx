import type { AuditView } from '../../api/review-views.ts'
import { useResource } from '../base/resource.ts'
import { Ago } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'

const looked = 30

/** The last decision on a version, to explain a conflict. `version`: `repository@digest`. */
export function WhoDecided({ version }: { readonly version: string }) {
  const { value } = useResource<readonly AuditView[]>(`/v1/audit?limit=${looked}`)
  const entry = value?.find(
    ({ what, image, images }) =>
      what !== 'lifecycle' &&
      (image === version || (Array.isArray(images) && images.includes(version))),
  )
  if (entry === undefined) return null
  const changes = Array.isArray(entry['changes'])
    ? (entry['changes'] as readonly { readonly text: string; readonly after: string }[])
    : []
  return (
    <span>
      {' '}
      <Foreign text={entry.who} words />: {entry.what}
      {changes.slice(0, 2).map(({ text, after }) => (
        <span key={text}>
          {' '}
          <Foreign text={text} /> → {after}
        </span>
      ))}
      {changes.length > 2 ? ` and ${changes.length - 2} more` : ''}, <Ago time={entry.time} />.
    </span>
  )
}
