import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { extract } from 'tar-stream'
import { describeError, SnugError } from '../../errors.ts'
import { defaultEntrypoint, type RegoPolicy } from './rego-policy.ts'

const maxBytes = 64 << 20
const wasmMagic = Buffer.from('\0asm', 'latin1')

interface Compiled {
  readonly wasm: Buffer
  /** `data` of the policy: a document, or none. */
  readonly data?: object
}

/** As {@link wasmRule}. */
export async function wasmPolicy(
  file: string,
  entrypoint: string = defaultEntrypoint,
): Promise<RegoPolicy> {
  const rule = await wasmRule(file, entrypoint)
  return async (input) => rule(input)
}

/**
 * A policy that `opa build -t wasm` compiled: the bundle that it writes, or the `policy.wasm` in it.
 *
 * Errors: SOURCE_UNREADABLE, REGO_FAILED; of the policy REGO_FAILED
 */
export async function wasmRule(
  file: string,
  entrypoint: string,
): Promise<(input: object) => unknown> {
  const { wasm, data } = await compiledIn(file)
  // Here and not above, so that nothing else loads it.
  const { loadPolicy } = await import('@open-policy-agent/opa-wasm')
  const policy = await loadPolicy(wasm).catch((error: unknown) => {
    throw new SnugError('REGO_FAILED', `\`${file}\` is not a policy: ${thrown(error)}`)
  })
  const names = Object.keys(policy.entrypoints as object)
  if (!names.includes(entrypoint)) {
    const its = names.map((name) => `\`${name}\``).join(', ')
    throw new SnugError(
      'REGO_FAILED',
      `\`${file}\` has no entrypoint \`${entrypoint}\`, but ${its}`,
    )
  }
  if (data !== undefined) policy.setData(data)
  return (input) => evaluated(() => policy.evaluate(input, entrypoint) as unknown)
}

/** A set of results; a defined rule has one. */
function evaluated(evaluate: () => unknown): unknown {
  let results: unknown
  try {
    results = evaluate()
  } catch (error) {
    throw new SnugError('REGO_FAILED', `the policy failed: ${thrown(error)}`)
  }
  const [first] = results as readonly { readonly result?: unknown }[]
  return first?.result
}

/** Its abort throws a text, and a missing built-in throws an object. */
function thrown(error: unknown): string {
  const has = typeof error === 'object' && error !== null && 'message' in error
  return has ? String(error.message) : describeError(error)
}

async function compiledIn(file: string): Promise<Compiled> {
  let start: Buffer
  try {
    if ((await stat(file)).size > maxBytes) {
      throw new SnugError('REGO_FAILED', `\`${file}\` is larger than 64 MiB`)
    }
    start = await readFile(file)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('SOURCE_UNREADABLE', `cannot read \`${file}\``, { cause })
  }
  if (start.subarray(0, 4).equals(wasmMagic)) return { wasm: start }
  const files = await bundleOf(file)
  const [wasm, data] = [files.get('policy.wasm'), files.get('data.json')]
  if (wasm === undefined) {
    throw new SnugError('REGO_FAILED', `\`${file}\` is neither a policy nor a bundle with one`)
  }
  if (data === undefined) return { wasm }
  try {
    return { wasm, data: JSON.parse(data.toString('utf8')) as object }
  } catch (cause) {
    throw new SnugError('REGO_FAILED', `\`data.json\` in \`${file}\` is not JSON`, { cause })
  }
}

/** The files at the root of a bundle that matter here. Errors: REGO_FAILED */
async function bundleOf(file: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const tar = extract()
  let left = maxBytes
  tar.on('entry', ({ name, size = 0 }, body, next) => {
    left -= size
    if (left < 0) return next(new Error('it holds more than 64 MiB'))
    const plain = name.replace(/^\.?\//, '')
    const parts: Buffer[] = []
    const isWanted = plain === 'policy.wasm' || plain === 'data.json'
    body.on('data', (part: Buffer) => isWanted && parts.push(part))
    body.once('end', () => {
      if (isWanted) files.set(plain, Buffer.concat(parts))
      next()
    })
  })
  try {
    await pipeline(createReadStream(file), createGunzip(), tar)
  } catch (cause) {
    throw new SnugError('REGO_FAILED', `\`${file}\` is neither a policy nor a bundle`, { cause })
  }
  return files
}
