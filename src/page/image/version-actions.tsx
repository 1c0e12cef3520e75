import type { Mode } from '../../core/lifecycle/mode.ts'
import type { VersionView } from '../../api/version-views.ts'
import { endLearning, setMode } from '../review/decide.ts'

const next: Readonly<Record<Mode, readonly Mode[]>> = {
  learn: ['alert'],
  alert: ['learn', 'block'],
  block: ['alert'],
}

/**
 * State changes of a version by a person's decision. If a gate is shut, the agent refuses the change and names the
 * missing requirements.
 */
export function VersionActions({ version }: { readonly version: VersionView }) {
  return (
    <p class="buttons version-actions">
      {version.state === 'learning' ? (
        <button type="button" onClick={() => void endLearning(version)}>
          End learning now
        </button>
      ) : null}
      {next[version.mode].map((mode) => (
        <button key={mode} type="button" onClick={() => void setMode(version, mode)}>
          {mode === 'learn' ? 'Learn again' : `Set to ${mode}`}
        </button>
      ))}
    </p>
  )
}
