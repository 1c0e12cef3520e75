import './style/sign-in.css'

/** Trades the token for a session cookie, which no script can read; the token itself is not kept. */
const form = document.querySelector<HTMLFormElement>('#sign-in')
const field = document.querySelector<HTMLInputElement>('#token')
const problem = document.querySelector<HTMLElement>('#problem')

async function signIn(token: string): Promise<string | undefined> {
  try {
    const answer = await fetch('/v1/session', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }),
    })
    if (answer.ok) return undefined
    const { detail, hint } = (await answer.json()) as { detail?: string; hint?: string }
    return answer.status === 401 ? 'The token is unknown.' : `${detail ?? ''}: ${hint ?? ''}`
  } catch {
    return 'The agent does not answer.'
  }
}

form?.addEventListener('submit', (event) => {
  event.preventDefault()
  void signIn(field?.value.trim() ?? '').then((refusal) => {
    // The address of a failed sign-in at the issuer would be asked for again.
    if (refusal === undefined)
      return location.pathname === '/' ? location.reload() : location.assign('/')
    if (problem !== null) problem.textContent = refusal
    field?.select()
  })
})
/** The part after `#` never goes to a server by itself. */
const redirect = document.querySelector<HTMLAnchorElement>('#redirect')
redirect?.addEventListener('click', () => {
  const { hash } = location
  if (hash.startsWith('#/')) redirect.href = `${redirect.pathname}?to=${encodeURIComponent(hash)}`
})
;(redirect ?? field)?.focus()
