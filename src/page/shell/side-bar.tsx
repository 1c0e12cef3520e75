import type { StatusView } from '../../api/status-views.ts'
import { NavBar } from './nav-bar.tsx'

export interface NavCounts {
  readonly review: number | undefined
  readonly incidents: number | undefined
  readonly alerts: number | undefined
}

export function SideBar({
  status,
  counts,
}: {
  readonly status: StatusView | undefined
  readonly counts: NavCounts
}) {
  return (
    <NavBar
      home="now"
      items={[
        { name: 'now', title: 'Now', key: 'n' },
        { name: 'images', title: 'Images', key: 'i', also: 'image' },
        { name: 'review', title: 'Review', key: 'r', count: counts.review },
        { name: 'incidents', title: 'Incidents', key: 't', count: counts.incidents },
        { name: 'alerts', title: 'Alerts', key: 'a', count: counts.alerts },
        { name: 'response', title: 'Response', key: 'o' },
        { name: 'audit', title: 'Audit log', key: 'l' },
      ]}
      note={status === undefined ? ' ' : status.node}
      title={status === undefined ? '' : `snug ${status.version}, pid ${status.pid}`}
    />
  )
}
