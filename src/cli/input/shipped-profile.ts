import { buffer } from 'node:stream/consumers'
import { parse } from 'yaml'
import { describeError, SnugError } from '../../errors.ts'
import { MAX_UID, type User } from '../../core/behaviour/user.ts'
import type { ImageRef } from '../../core/event/event.ts'
import { wholeImage } from '../../supplychain/prior/shipped-image.ts'
import { type ShippedPrior, shippedPrior } from '../../supplychain/prior/shipped-prior.ts'
import { parseShippedProfile } from '../../supplychain/prior/shipped-profile.ts'
import type { CliContext } from '../cli-context.ts'
import { openInput } from './event-input.ts'
import { profileInput } from './profile-input.ts'

const maxBytes = 64 * 1_048_576
/** YAML takes many times the memory of its text. */
const maxYamlBytes = 8 * 1_048_576

export interface ShippedOptions {
  readonly image?: string
  readonly container?: string
  readonly user?: readonly string[]
}

/** A profile file of any kind, as text and as value in Snug's format where it can be read as that. */
export interface ImportInput {
  readonly text: string
  readonly value: unknown
  readonly shipped?: ShippedPrior
}

/** Errors: SOURCE_UNREADABLE, PROFILE_INVALID, USAGE, the agent's where it has to find the image. */
export async function importInput(
  context: CliContext,
  file: string,
  options: ShippedOptions,
): Promise<ImportInput> {
  const text = await readAll(context, file)
  const value = valueOf(text)
  if (!isOfKubescape(value)) return { text, value }
  const shipped = parseShippedProfile(value, options.container)
  const users = (options.user ?? ['declared', '0']).map(userOf)
  const image = await imageFor(context, options.image ?? shipped.spec.imageID ?? undefined)
  const prior = shippedPrior(shipped, image, users)
  return { text: JSON.stringify(prior.document), value: prior.document, shipped: prior }
}

async function readAll(context: CliContext, file: string): Promise<string> {
  const bytes = await buffer(limited(await openInput(file, context.io)))
  return bytes.toString('utf8')
}

async function* limited(chunks: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk as Uint8Array)
    size += bytes.byteLength
    if (size > maxBytes) {
      throw new SnugError('PROFILE_INVALID', `a profile holds at most ${maxBytes} bytes`)
    }
    yield bytes
  }
}

/** Profiles of Snug are JSON, which is read as YAML only where it is not. */
function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    if (Buffer.byteLength(text) > maxYamlBytes) {
      throw new SnugError(
        'PROFILE_INVALID',
        `a profile in YAML holds at most ${maxYamlBytes} bytes`,
      )
    }
    try {
      return parse(text, { maxAliasCount: 100 }) as unknown
    } catch (cause) {
      const why = describeError(cause).split('\n', 1)[0] ?? ''
      throw new SnugError('PROFILE_INVALID', `the file is neither JSON nor YAML: ${why}`)
    }
  }
}

function isOfKubescape(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'kind' in value || 'apiVersion' in value
}

function userOf(text: string): User {
  if (text === 'declared') return text
  const uid = Number(text)
  if (/^\d+$/.test(text) && uid <= MAX_UID) return uid
  throw new SnugError('USAGE', `\`--user\` takes uids and \`declared\`, not \`${text}\``)
}

/** A whole digest needs no agent. */
async function imageFor(context: CliContext, named: string | undefined): Promise<ImageRef> {
  if (named === undefined) {
    throw new SnugError('USAGE', 'pass `--image`: the profile does not name its image')
  }
  return wholeImage(named) ?? (await profileInput(context, named, undefined)).image
}
