import type { ComponentChildren } from 'preact'
import type { Problem } from '../base/api.ts'

/** An empty state: explains why, and what comes next. */
export function Empty({
  title,
  children,
}: {
  readonly title: string
  readonly children?: ComponentChildren
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  )
}

export function ProblemNote({ problem }: { readonly problem: Problem }) {
  return (
    <p class="note bad" role="alert">
      <strong>{problem.message}</strong>
      {problem.hint === '' ? null : <> · {problem.hint}</>}
    </p>
  )
}

/** Reserves space for content that is loading, so that nothing jumps when it arrives. */
export function Waiting({ rows = 3 }: { readonly rows?: number }) {
  return (
    <div class="waiting" aria-busy="true">
      <span class="hidden">loading</span>
      {Array.from({ length: rows }, (_, i) => (
        <div class="skeleton" key={i} />
      ))}
    </div>
  )
}

export function Panel({
  title,
  aside,
  children,
  class: name = '',
}: {
  readonly title: string
  readonly aside?: ComponentChildren
  readonly children: ComponentChildren
  readonly class?: string
}) {
  return (
    <section class={`panel ${name}`} aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  )
}
