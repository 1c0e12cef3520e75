import type { WaitingVersion } from '../../api/review-cards.ts'
import { link } from '../base/route.ts'
import { plural, splitRef, versionName } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'
import { approveVersion } from './decide.ts'

/** Versions whose window ended and that wait for a decision as a whole. */
export function WaitingVersions({ versions }: { readonly versions: readonly WaitingVersion[] }) {
  if (versions.length === 0) return null
  return (
    <ul class="panel waiting-versions" aria-label="versions that wait">
      {versions.map((version) => {
        const { ref, repository, tags, state, behaviours, sentence, because } = version
        return (
          <li key={ref}>
            <span>
              <a href={link('image', ref)}>
                <b>
                  <Foreign text={`${repository}:${versionName(tags, splitRef(ref).digest)}`} />
                </b>
              </a>{' '}
              <span class={`badge stage ${state}`}>{state}</span> {plural(behaviours, 'behaviour')}.{' '}
              <span class="muted">
                <Foreign text={state === 'incomplete' ? because : sentence} words />
              </span>
            </span>
            <button type="button" onClick={() => void approveVersion(version)}>
              Approve, and alert
            </button>
          </li>
        )
      })}
    </ul>
  )
}
