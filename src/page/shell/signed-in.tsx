import { ask } from '../base/api.ts'
import { useResource } from '../base/resource.ts'

interface Holder {
  readonly who: string
  readonly role: 'viewer' | 'reviewer' | 'admin'
}

/** The signed-in user, the user's role, and the sign-out button. */
export function SignedIn() {
  const { value } = useResource<Holder>('/v1/session')
  const leave = (): void => {
    // Without a session, the document at `/` shows the sign-in form.
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
