import type { Severity } from '../../core/event/alert-words.ts'
import type { ShownState } from '../../api/terms.ts'
import type { Mode, VersionState } from '../../core/lifecycle/mode.ts'

export function SeverityBadge({ severity }: { readonly severity: Severity }) {
  return <span class={`badge severity ${severity}`}>{severity}</span>
}

/** The mode shows the response to a deviation, which is more useful than `enforced`. */
export function stageName(state: VersionState, mode: Mode): string {
  return state === 'enforced' ? mode : state
}

export function StageBadge({ state, mode }: { readonly state: VersionState; readonly mode: Mode }) {
  const name = stageName(state, mode)
  return <span class={`badge stage ${name}`}>{name}</span>
}

const stateTexts: Readonly<Record<ShownState, string>> = {
  learned: 'learned',
  approved: 'approved',
  rejected: 'rejected',
  pending: 'waits',
  quarantined: 'guardrail',
  apart: 'exec only',
  derived: 'from the image',
  vanished: 'not seen again',
}

export function BehaviourBadge({ state }: { readonly state: ShownState }) {
  return <span class={`badge behaviour ${state}`}>{stateTexts[state]}</span>
}

export function DoneBadge({
  action,
  decision,
}: {
  /** The console may have one that only a later version of an agent writes. */
  readonly action: string
  readonly decision?: string | undefined
}) {
  if (decision !== undefined) return <span class="badge decided">{decision}</span>
  return action === 'alerted' ? null : <span class="badge stopped">{action}</span>
}

const origins: Readonly<Record<string, string>> = {
  entrypoint: 'the service',
  init: 'an init step',
  probe: 'a health probe',
  'exec-in': 'an exec session',
}

export function originText(origin: string): string {
  return origins[origin] ?? origin
}
