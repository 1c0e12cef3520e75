import type { LineageView } from '../../api/version-views.ts'
import { link } from '../base/route.ts'
import { count } from '../base/text.ts'
import { stageName } from '../parts/badges.tsx'

const stages = [
  { name: 'learning', title: 'learning', href: link('images') },
  { name: 'review', title: 'learned, to approve', href: link('review') },
  { name: 'alert', title: 'alert', href: link('images') },
  { name: 'block', title: 'block', href: link('images') },
  { name: 'incomplete', title: 'incomplete', href: link('review') },
] as const

/** Versions by where they are in their life, and decisions that wait. `cards`: undefined while not known. */
export function StageCounts({
  images,
  cards,
}: {
  readonly images: readonly LineageView[]
  readonly cards: number | undefined
}) {
  const counts = new Map<string, number>()
  for (const { versions } of images) {
    for (const { state, mode } of versions) {
      const name = stageName(state, mode)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
  }
  return (
    <ul class="stages" aria-label="versions by state, and decisions that wait">
      {stages.map(({ name, title, href }) => (
        <li key={name} class={`stage-count ${name}`}>
          <a href={href}>
            <b>{count(counts.get(name) ?? 0)}</b> {title}
          </a>
        </li>
      ))}
      <li class="stage-count review">
        <a href={link('review')}>
          <b>{cards === undefined ? '–' : count(cards)}</b> {cards === 1 ? 'decision' : 'decisions'}{' '}
          to make
        </a>
      </li>
    </ul>
  )
}
