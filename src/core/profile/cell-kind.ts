import type { Origin } from '../event/event-words.ts'
import type { EvidenceCell, Phase } from './profile-entry.ts'
import { compareText } from '../compare-text.ts'

/** What many cells of evidence have in common. It never changes, so that they share one object. */
export interface CellKind {
  readonly origin: Origin
  readonly session: string | undefined
  readonly phase: Phase
  /** Sorted, as the others. */
  readonly nodes: readonly string[]
  readonly sources: readonly string[]
  readonly guardrails: readonly string[]
}

export const NONE: readonly string[] = []

/** Far more than a node has: what is new then begins another table. */
const SHARED_SIZE = 1_024

const S = '\u0000'
const shared = new Map<string, CellKind>()
/** Those that follow each other are mostly equal. */
let latest: CellKind | undefined

/** The kind of that content. */
export function kindOf(kind: CellKind): CellKind {
  // There is no end to sessions, and few cells have them.
  if (kind.session !== undefined) return kind
  latest = latest !== undefined && isSame(latest, kind) ? latest : sharedKind(kind)
  return latest
}

function isSame(a: CellKind, b: CellKind): boolean {
  if (a.origin !== b.origin || a.phase !== b.phase) return false
  return (
    areSame(a.nodes, b.nodes) &&
    areSame(a.sources, b.sources) &&
    areSame(a.guardrails, b.guardrails)
  )
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i])
}

function sharedKind(kind: CellKind): CellKind {
  const { origin, phase, nodes, sources, guardrails } = kind
  const name = [origin, phase, nodes.join(S), sources.join(S), guardrails.join(S)].join('\u0001')
  const known = shared.get(name)
  if (known !== undefined) return known
  if (shared.size >= SHARED_SIZE) shared.clear()
  shared.set(name, kind)
  return kind
}

export function freshKind(origin: Origin, session: string | undefined, phase: Phase): CellKind {
  return kindOf({ origin, session, phase, nodes: NONE, sources: NONE, guardrails: NONE })
}

/** The sorted union; the first list itself where it has them all. */
export function united(list: readonly string[], more: readonly string[]): readonly string[] {
  if (more.every((item) => list.includes(item))) return list
  if (list.length === 0 && more.length === 1) return more
  return [...new Set([...list, ...more])].sort(compareText)
}

/** It makes the behaviour expected for its origin. */
export function grants({
  origin,
  phase,
  guardrails = NONE,
}: Pick<EvidenceCell, 'origin' | 'phase' | 'guardrails'>): boolean {
  return phase === 'learned' && origin !== 'exec-in' && guardrails.length === 0
}

/** It makes the read expected where the file is as the image ships it. */
export function grantsShipped({ origin, phase, guardrails }: CellKind): boolean {
  return phase === 'derived' && origin !== 'exec-in' && guardrails.length === 0
}
