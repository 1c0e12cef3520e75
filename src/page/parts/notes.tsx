import type { ComponentChildren } from 'preact'
import type { Problem } from '../base/api.ts'
import type { Resource } from '../base/resource.ts'

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

/**
 * What a resource holds. Where it was not answered again, its last answer stays beneath the problem, and with it what
 * a person has open there.
 */
export function Answered<T>({
  resource: { value, problem },
  rows,
  children,
}: {
  readonly resource: Resource<T>
  /** Of the space that is reserved until the first answer. */
  readonly rows: number
  readonly children: (value: T) => ComponentChildren
}) {
  return (
    <>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {value !== undefined ? (
        children(value)
      ) : problem === undefined ? (
        <Waiting rows={rows} />
      ) : null}
    </>
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
