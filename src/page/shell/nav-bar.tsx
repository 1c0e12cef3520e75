import type { ComponentChildren } from 'preact'
import { connection } from '../base/live.ts'
import { link, place } from '../base/route.ts'
import { count, span } from '../base/text.ts'
import { theme, themes } from '../base/theme.ts'
import { helpShown } from './help.tsx'
import { SignedIn } from './signed-in.tsx'

export interface NavItem {
  readonly name: string
  readonly title: string
  /** After `g`. */
  readonly key: string
  readonly count?: number | undefined
  /** Another view that belongs to it. */
  readonly also?: string
}

/** The views of the page, and below them the connection, what is shown, and who is signed in. */
export function NavBar({
  home,
  items,
  note,
  title,
}: {
  readonly home: string
  readonly items: readonly NavItem[]
  /** What the page shows. */
  readonly note: ComponentChildren
  readonly title: string
}) {
  const [first = home] = place.value.parts
  return (
    <header class="side">
      <a class="brand" href={link(home)} aria-label={`Snug: ${home}`}>
        <img src="/ui/icon.svg" alt="" width="24" height="24" />
        Snug
      </a>
      <nav aria-label="views">
        {items.map(({ name, title: text, key, count: n, also }) => (
          <a
            key={name}
            href={link(name)}
            aria-current={first === name || first === also ? 'page' : undefined}
            title={`g ${key}`}
          >
            <span>{text}</span>
            {n === undefined || n === 0 ? null : <span class="count">{count(n)}</span>}
          </a>
        ))}
      </nav>
      <div class="side-foot">
        <ConnectionState />
        <p class="node" title={title}>
          {note}
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
