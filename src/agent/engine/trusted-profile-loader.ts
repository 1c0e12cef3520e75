import type { VerifiedProfile } from '../../supplychain/attest/verify.ts'
import { describeError, SnugError } from '../../errors.ts'
import type { PendingContainer, IdentityEngine } from '../pipeline/identity/identity.ts'
import { Backoff } from '../../support/backoff.ts'
import { pause } from '../../support/pause.ts'
import { defaultBlockRules } from '../../core/lifecycle/blocking.ts'
import { withTrusted } from '../../core/lifecycle/trusted.ts'
import { refusedProfileFinding } from '../pipeline/alerts/trust-findings.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { observedOf } from '../../supplychain/export/profile-document.ts'
import { commitDecision, enforcementSnapshot } from '../decisions/commit-decision.ts'

export interface TrustedProfileLoaderOptions {
  readonly context: AgentState
  readonly mode: 'alert' | 'block'
  /** The profile that came with an image; undefined where none did. Errors: those of `verifyStatement`, REGISTRY_FAILED */
  readonly fetch: (image: string, digest: string) => Promise<VerifiedProfile | undefined>
  /** Ends the wait for a registry that fails. */
  readonly signal: AbortSignal
  readonly random?: () => number
}

/** Between requests to a registry that fails. */
const backoffRules = { firstMs: 5_000, longestMs: 600_000 } as const

/**
 * Requests the signed profile of each new version from the registry, as soon as an engine creates its first container.
 * A valid one puts the version into state `enforced` from then on. An invalid one raises an alert, and the version
 * learns as if there were none. A registry that fails is asked again, until the version is enforced or removed.
 */
export class TrustedProfileLoader {
  readonly #options: TrustedProfileLoaderOptions
  readonly #asked = new WeakSet<DeployedVersion>()

  constructor(options: TrustedProfileLoaderOptions) {
    this.#options = options
  }

  /** Follows these engines for ever; they are to be started after it. */
  follow(engines: Iterable<IdentityEngine>): void {
    for (const engine of engines) {
      engine.subscribePending?.((container) => void this.#look(container))
      engine.subscribe((container) => void this.#look(container))
    }
  }

  async #look(container: PendingContainer): Promise<void> {
    const { context } = this.#options
    const { image, imageId } = container
    const known = context.registry.index.ofImage(image, imageId)
    // Without a digest from its registry the image was built here, and no registry has it.
    if (image.digest === imageId || known?.life.state === 'enforced') return
    const time = new Date(context.now()).toISOString()
    const version = context.registry.ofImage(image, time, imageId)
    if (this.#asked.has(version)) return
    this.#asked.add(version)
    const { fetch, signal, random } = this.#options
    const backoff = new Backoff(backoffRules, random)
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const verified = await fetch(image.repository, image.digest)
        if (verified !== undefined) await this.#trust(version, verified)
        return
      } catch (error) {
        const isFailing = error instanceof SnugError && error.code === 'REGISTRY_FAILED'
        // One alert and one audit entry, however long it fails.
        if (failures === 0 || !isFailing) this.#refuse(version, error)
        if (!isFailing) return
      }
      await pause(backoff.next(), signal)
      if (!context.registry.index.has(version) || version.life.state === 'enforced') return
    }
  }

  async #trust(version: DeployedVersion, verified: VerifiedProfile): Promise<void> {
    const { context, mode } = this.#options
    const { signer, made, content: profile } = verified
    const who =
      'keyId' in signer ? `key:${signer.keyId.slice(0, 16)}` : `identity:${signer.identity}`
    const before = enforcementSnapshot(version)
    const rules = context.registry.lifecycle.rules.block ?? defaultBlockRules
    const came = `the image has a profile signed by ${who}`
    const step = withTrusted(version.life, { mode, rules, came }, context.now())
    if (step.transitions.length === 0) return
    version.profile.merge(profile.behaviours)
    version.watchedFor(observedOf(profile))
    context.registry.lifecycle.apply(version, step)
    const fields = {
      ...signer,
      made,
      behaviours: profile.behaviours.length,
      before,
      after: enforcementSnapshot(version),
    }
    await commitDecision(context, version, {
      what: 'trust',
      by: { who },
      fields,
      expects: true,
      isAutomatic: true,
    })
  }

  #refuse(version: DeployedVersion, error: unknown): void {
    const { context } = this.#options
    const code = error instanceof SnugError ? error.code : 'INTERNAL'
    const because = `${describeError(error)} (${code})`
    const { log, node } = context.parts
    log.warn({ image: version.key, because }, 'the agent refused the profile of an image')
    context.journal.audit('trust-refused', 'agent', { image: version.key, code, because })
    const teller = { node, nowMs: context.now() }
    context.alerts.raise(refusedProfileFinding(version.image, code, because, teller), context.now())
    void context.journal.persist()
  }
}
