import type { Mode } from '../../core/lifecycle/mode.ts'
import { ask } from '../../page/base/api.ts'
import { useResource } from '../../page/base/resource.ts'
import { attempt, toast } from '../../page/shell/toasts.tsx'

type Body =
  | { readonly behaviours: readonly string[] }
  | { readonly quarantined: readonly string[] }
  | { readonly all: true }
  | { readonly mode: Mode }

/**
 * Writes a decision for all nodes, on the revision that the page shows. A toast reports what happened. True where it
 * was written.
 */
export function decideOn(
  profile: string,
  what: 'approve' | 'reject' | 'mode',
  body: Body,
  revision: string,
  done: string,
): Promise<boolean> {
  return attempt(async () => {
    const path = `/v1/fleet/images/${encodeURIComponent(profile)}/${what}`
    await ask(path, { method: what === 'mode' ? 'PUT' : 'POST', body, revision })
    toast(done)
  }, 'Someone else decided on this image first: look again')
}

/** Whether the signed-in person may do that. The console checks it again. */
export function useMay(needed: 'reviewer' | 'admin'): boolean {
  const { value } = useResource<{ readonly role: string }>('/v1/session')
  return value?.role === 'admin' || value?.role === needed
}
