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
    if (refusal === undefined) return location.reload()
    if (problem !== null) problem.textContent = refusal
    field?.select()
  })
})
field?.focus()
