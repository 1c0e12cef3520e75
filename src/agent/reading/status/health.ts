import type { IdentityEngine } from '../../pipeline/identity/identity.ts'
import type { EventSource } from '../../pipeline/sources/source.ts'
import type { EngineView, SourceView, StatusView } from '../../../api/status-views.ts'

export interface HealthFacts {
  /** Component → its fault, as text. */
  readonly faults: ReadonlyMap<string, string>
  readonly parts: {
    readonly sources: readonly EventSource[]
    readonly engines: readonly IdentityEngine[]
  }
  readonly state: 'starting' | 'running' | 'stopping'
}

/** Under which a source that can never work is among the faults. */
export function sourceFault(name: string): string {
  return `source ${name}`
}

/** Whether the agent works, and its faults. */
export function healthOf({
  faults,
  parts,
  state,
}: HealthFacts): Pick<StatusView, 'state' | 'degraded' | 'sources' | 'engines'> {
  const degraded = [...faults].map(([what, message]) => `${what}: ${message}`)
  const sources = parts.sources.map((source) => sourceView(source, faults))
  for (const source of sources) {
    if (source.state === 'degraded') degraded.push(`source ${source.name}: ${source.reason ?? ''}`)
  }
  const engines = parts.engines.filter(({ state: { kind } }) => kind !== 'absent').map(engineView)
  for (const engine of engines) {
    if (engine.state === 'degraded') degraded.push(`engine ${engine.name}: ${engine.reason ?? ''}`)
  }
  return { state: stateOf(state, sources, degraded), degraded, sources, engines }
}

/** Not ready before it observes: the state is `starting` until every source is. */
function stateOf(
  state: HealthFacts['state'],
  sources: readonly SourceView[],
  degraded: readonly string[],
): StatusView['state'] {
  if (state !== 'running') return state
  if (sources.some((source) => source.state === 'starting')) return 'starting'
  return degraded.length > 0 ? 'degraded' : 'running'
}

function sourceView(
  { name, state, stats }: EventSource,
  faults: ReadonlyMap<string, string>,
): SourceView {
  const reason = state.kind === 'degraded' ? state.reason : faults.get(sourceFault(name))
  return {
    name,
    state: state.kind,
    ...(reason === undefined ? {} : { reason }),
    received: stats.received,
    lost: stats.lost,
    facts: stats.facts,
    ...(stats.measured === undefined ? {} : { measured: stats.measured }),
  }
}

function engineView({ name, state }: IdentityEngine): EngineView {
  return state.kind === 'degraded'
    ? { name, state: state.kind, reason: state.reason }
    : { name, state: state.kind }
}
