import { ask } from '../base/api.ts'
import { useResource } from '../base/resource.ts'

interface Holder {
  readonly who: string
  readonly role: 'viewer' | 'reviewer' | 'admin'
}

/** Who one is here, what one may do, and the way out. */
export function SignedIn() {
  const { value } = useResource<Holder>('/v1/session')
  const leave = (): void => {
    // The document at `/` asks who one is, once one is nobody.
    void ask('/v1/session', { method: 'DELETE' }).finally(() => location.reload())
  }
  return (
    <>
      <p class="node muted" title={value?.who}>
        {value === undefined ? ' ' : `${value.who.replace(/^token:/, '')}, ${value.role}`}
      </p>
      <button type="button" class="quiet" onClick={leave}>
        Sign out
      </button>
    </>
  )
}
