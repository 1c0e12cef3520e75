import { setTimeout as delay } from 'node:timers/promises'
import { describeError, SnugError } from '../../errors.ts'
import { type ActionOf, actionOf, decide, type Decision, type ImageOutcome } from './decide.ts'
import type { ImageAt, ImageRegistry } from './image-registry.ts'
import { judgeImage, type Judgement } from './judge-image.ts'
import { KeptAnswers } from './kept-answers.ts'
import { podImage } from './pod-image.ts'
import type { AdmissionPolicy } from './policy.ts'
import type { PodReview } from './review.ts'
import { Turns } from './turns.ts'

/** How long answers are kept, in milliseconds. */
export interface AdmissionTimes {
  /** The answer has to be there. */
  readonly within: number
  readonly trusted: number
  readonly faulty: number
  readonly tags: number
  readonly failed: number
}

export interface AdmissionOptions {
  readonly policy: AdmissionPolicy
  readonly registry: Pick<ImageRegistry, 'digestOf' | 'evidence'>
  readonly times: AdmissionTimes
  /** Maximum number of images with cached answers. */
  readonly most: number
  /** A registry was asked about an image. */
  readonly onLook?: (result: 'trusted' | 'faulty' | 'failed') => void
}

/** Registries get at most this many requests for images at once. */
const looks = { atOnce: 32, waiting: 2_000 } as const
const noImage: Judgement = { faults: ['its registry has no such image (IMAGE_UNKNOWN)'] }

/** Decides on pods, from the verified facts about their images where there are any. */
export class Admission {
  readonly #options: AdmissionOptions
  readonly #actionOf: ActionOf
  readonly #turns = new Turns(looks)
  readonly #digests: KeptAnswers<string | undefined>
  readonly #judgements: KeptAnswers<Judgement>

  constructor(options: AdmissionOptions) {
    this.#options = options
    const { times, most } = options
    this.#actionOf = actionOf(options.policy)
    const kept = { most, failedMs: times.failed }
    this.#digests = new KeptAnswers({ ...kept, look: (name) => this.#resolve(name) })
    this.#judgements = new KeptAnswers({ ...kept, look: (key) => this.#judge(key) })
  }

  async decide({ namespace, images }: PodReview): Promise<Decision> {
    const { failClosed } = this.#options.policy
    const action = this.#actionOf(namespace)
    if (action === 'ignore') return decide(action, failClosed, [])
    const ended = new AbortController()
    try {
      const late = this.#late(ended.signal)
      const outcomes = images.map((name) => Promise.race([this.#outcome(name), late(name)]))
      return decide(action, failClosed, await Promise.all(outcomes))
    } finally {
      ended.abort()
    }
  }

  /** The lookup continues in the background, so its result is ready when the pod is tried again. */
  #late(signal: AbortSignal): (name: string) => Promise<ImageOutcome> {
    const { within } = this.#options.times
    const over = delay(within, undefined, { signal })
    over.catch(() => undefined)
    return async (name) => {
      await over
      return { name, faults: [], unknown: `its registry did not answer within ${within} ms` }
    }
  }

  async #outcome(name: string): Promise<ImageOutcome> {
    const { images } = this.#options.policy
    const { registry, address, byDigest } = podImage(name)
    if (address === undefined) {
      return { name: shortened(name), faults: ['it is not the name of an image'] }
    }
    if (!images.registries.includes(registry)) {
      return { name, faults: [`\`${registry}\` is not a trusted registry`] }
    }
    const byTag = images.digest && !byDigest ? ['its name has a tag instead of a digest'] : []
    try {
      const digest = byDigest ? address.reference : await this.#digests.get(name)
      if (digest === undefined) return { name, faults: noImage.faults }
      const at: ImageAt = { host: address.host, repository: address.repository, digest }
      const { faults } = await this.#judgements.get(JSON.stringify(at))
      return { name, faults: [...byTag, ...faults] }
    } catch (error) {
      if (!(error instanceof SnugError)) throw error
      // Of the image itself, and not of its registry: else a broken one would come in wherever it fails open.
      if (error.code === 'IMAGE_INVALID') {
        return {
          name,
          faults: [...byTag, `it is damaged: ${describeError(error)} (${error.code})`],
        }
      }
      const unknown = `${describeError(error)} (${error.code})`
      return byTag.length > 0 ? { name, faults: byTag } : { name, faults: [], unknown }
    }
  }

  async #resolve(name: string) {
    const { address } = podImage(name)
    const value = await this.#look(async () => address && this.#options.registry.digestOf(address))
    const { tags, faulty } = this.#options.times
    return { value, forMs: value === undefined ? Math.min(tags, faulty) : tags }
  }

  async #judge(key: string) {
    const { policy, times, registry, onLook } = this.#options
    const evidence = await this.#look(() => registry.evidence(JSON.parse(key) as ImageAt))
    const value = evidence === undefined ? noImage : judgeImage(evidence, policy.images)
    const isTrusted = value.faults.length === 0
    onLook?.(isTrusted ? 'trusted' : 'faulty')
    const forMs = isTrusted ? times.trusted : times.faulty
    return { value, forMs: Math.min(forMs, (value.until ?? Infinity) - Date.now()) }
  }

  async #look<Value>(ask: () => Promise<Value>): Promise<Value> {
    try {
      return await this.#turns.take(ask)
    } catch (error) {
      this.#options.onLook?.('failed')
      throw error
    }
  }
}

const longestShown = 300

/** An invalid name may have any length. */
function shortened(name: string): string {
  return name.length <= longestShown ? name : `${name.slice(0, longestShown)}…`
}
