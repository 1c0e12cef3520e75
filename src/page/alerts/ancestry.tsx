import type { Ancestor } from '../../api/alert-rows.ts'
import { Foreign } from '../parts/foreign.tsx'

/** From the outermost process to the one that did it. */
export function Ancestry({ ancestry }: { readonly ancestry: readonly Ancestor[] }) {
  return (
    <ol class="ancestry">
      {ancestry.map(({ exe, known }, i) => (
        <li key={`${i} ${exe}`} class={known ? 'known' : 'stranger'}>
          <Foreign text={exe} /> <span class="muted">{known ? '' : 'not of the profile'}</span>
        </li>
      ))}
    </ol>
  )
}
