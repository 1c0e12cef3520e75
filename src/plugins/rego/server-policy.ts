import { SnugError } from '../../errors.ts'
import type { RegoPolicy } from './rego-policy.ts'

const timeoutMs = 30_000
const maxLength = 16 << 20

/**
 * A policy on an OPA server, by its data API: `http://HOST:8181/v1/data/snug/gate`.
 *
 * Errors: USAGE for an invalid address; of the policy REGO_FAILED
 */
export function serverPolicy(address: string): RegoPolicy {
  if (!URL.canParse(address) || !/^https?:\/\/[^/]+\/v1\/data\/./.test(address)) {
    const how = 'must be like `http://127.0.0.1:8181/v1/data/snug/gate`'
    throw new SnugError('USAGE', `\`${address}\` ${how}`)
  }
  return async (input) => {
    const { status, text } = await asked(address, input)
    if (status !== 200) {
      const words = text.slice(0, 300)
      throw new SnugError('REGO_FAILED', `\`${address}\` answered ${status}: ${words}`)
    }
    return resultOf(text, address)
  }
}

async function asked(address: string, input: object): Promise<{ status: number; text: string }> {
  try {
    const answer = await fetch(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input }),
      signal: AbortSignal.timeout(timeoutMs),
      // The decision must come from the configured server and from no other.
      redirect: 'error',
    })
    return { status: answer.status, text: await textOf(answer) }
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('REGO_FAILED', `cannot reach \`${address}\``, { cause })
  }
}

async function textOf(answer: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > maxLength) throw new SnugError('REGO_FAILED', 'its answer is too long')
  }
  return text
}

/** Without `result` where the rule is not defined. */
function resultOf(text: string, address: string): unknown {
  try {
    const { result } = JSON.parse(text) as { readonly result?: unknown }
    return result
  } catch (cause) {
    throw new SnugError('REGO_FAILED', `\`${address}\` answered with invalid JSON`, { cause })
  }
}
