import type { VersionView } from '../../api/version-views.ts'
import { count } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'
import { Panel } from '../parts/notes.tsx'

type Root = NonNullable<VersionView['root']>

/** Events of one item that are listed; the rest is a number. */
const becauseShown = 3

/** Whether it runs as root and needs to; item by item the requirements, and the events that show them. */
export function RootPanel({ root }: { readonly root: Root }) {
  const { sentence, needs, takes } = root
  return (
    <Panel title="Whether it needs root">
      <p class="sentence">
        <Foreign text={sentence} words />
      </p>
      <Items title="Root is needed" items={needs} />
      <Items title="To run as another user" items={takes} />
    </Panel>
  )
}

function Items({ title, items }: { readonly title: string; readonly items: Root['needs'] }) {
  if (items.length === 0) return null
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {items.map(({ take, because }) => (
          <li key={take}>
            <Foreign text={take} words />
            <ul class="muted">
              {because.slice(0, becauseShown).map(({ id, text }) => (
                <li key={id}>
                  <Foreign text={text} words />
                </li>
              ))}
              {because.length <= becauseShown ? null : (
                <li>{count(because.length - becauseShown)} more</li>
              )}
            </ul>
          </li>
        ))}
      </ul>
    </>
  )
}
