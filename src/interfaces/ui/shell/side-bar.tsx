import type { StatusView } from '../../../engine/api/engine-views.ts'
import { connection } from '../base/live.ts'
import { link, place } from '../base/route.ts'
import { count, span } from '../base/text.ts'
import { theme, themes } from '../base/theme.ts'
import { helpShown } from './help.tsx'
import { SignedIn } from './signed-in.tsx'

export interface NavCounts {
  readonly review: number | undefined
  readonly alerts: number | undefined
}

export function SideBar({
  status,
  counts,
}: {
  readonly status: StatusView | undefined
  readonly counts: NavCounts
}) {
  const [first = 'now'] = place.value.parts
  const items = [
    { name: 'now', title: 'Now', key: 'n' },
    { name: 'images', title: 'Images', key: 'i' },
    { name: 'review', title: 'Review', key: 'r', count: counts.review },
    { name: 'alerts', title: 'Alerts', key: 'a', count: counts.alerts },
    { name: 'audit', title: 'Audit log', key: 'l' },
  ]
  return (
    <header class="side">
      <a class="brand" href="#/now" aria-label="Snug: now">
        <img src="/ui/icon.svg" alt="" width="24" height="24" />
        Snug
      </a>
      <nav aria-label="views">
        {items.map(({ name, title, key, count: n }) => (
          <a
            key={name}
            href={link(name)}
            aria-current={
              first === name || (first === 'image' && name === 'images') ? 'page' : undefined
            }
            title={`g ${key}`}
          >
            <span>{title}</span>
            {n === undefined || n === 0 ? null : <span class="count">{count(n)}</span>}
          </a>
        ))}
      </nav>
      <div class="side-foot">
        <ConnectionState />
        <p
          class="node"
          title={status === undefined ? '' : `snug ${status.version}, pid ${status.pid}`}
        >
          {status === undefined ? ' ' : status.node}
        </p>
        <SignedIn />
        <ThemeSwitch />
        <button
          type="button"
          class="quiet"
          onClick={() => {
            helpShown.value = true
          }}
        >
          Keyboard <kbd>?</kbd>
        </button>
      </div>
    </header>
  )
}

const states = { connecting: 'connecting', live: 'live', lost: 'connection lost' } as const

function ConnectionState() {
  const { state, since, caughtUp, missed } = connection.value
  const more = [
    ...(caughtUp > 0 ? [`${count(caughtUp)} caught up`] : []),
    ...(missed > 0 ? [`${count(missed)} fetched later`] : []),
  ]
  return (
    <p class={`connection ${state}`} role="status" title={`for ${span(Date.now() - since)}`}>
      <span class="dot" aria-hidden="true" />
      {states[state]}
      {more.length > 0 ? <small> · {more.join(', ')}</small> : null}
    </p>
  )
}

function ThemeSwitch() {
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select
        value={theme.value}
        onChange={({ currentTarget }) => {
          const chosen = themes.find((each) => each === currentTarget.value)
          if (chosen !== undefined) theme.value = chosen
        }}
      >
        <option value="system">as the system</option>
        <option value="light">light</option>
        <option value="dark">dark</option>
      </select>
    </label>
  )
}
