import { unscoped } from '../../core/event/image-key.ts'
import type { BehaviourId } from '../../core/behaviour/behaviour.ts'
import { keptOf } from '../../core/behaviour/place-pattern.ts'
import { givenToOthers, mergeAuthor } from '../../core/lifecycle/inheritance.ts'
import { Grants } from '../../core/profile/allowance.ts'
import type { Grant, Inheritable } from '../../core/profile/profile-entry.ts'
import type { Steps } from '../../core/steps.ts'
import { type DeployedVersion, versionKey } from '../records/versions/deployed-version.ts'
import type { PublishedScope } from '../records/versions/version-registry.ts'
import type { AgentState } from '../records/agent-state.ts'
import { changesBy } from '../decisions/commit-decision.ts'

/** A behaviour, and what each scope gives of it. */
interface ShownIn {
  readonly entry: Inheritable
  readonly scopes: Map<string, Grant[]>
}

/**
 * Extends behaviours from some scopes of an image to its others, once as many as `profiles.mergeFrom` have shown them.
 * A scope that still learns neither gives nor takes.
 */
export class ScopeMerge {
  readonly #context: AgentState
  /** Image → number and revisions that were looked at. */
  readonly #looked = new Map<string, string>()

  constructor(context: AgentState) {
    this.#context = context
  }

  *steps(): Steps<void> {
    const { registry } = this.#context
    const { mergeFrom = 0 } = registry.lifecycle.rules
    if (mergeFrom === 0) return
    const images = new Map<string, DeployedVersion[]>()
    for (const version of registry.index) {
      const { image, life } = version
      if (image.scope === undefined || life.state === 'learning') continue
      const key = versionKey(unscoped(image))
      const known = images.get(key)
      if (known === undefined) images.set(key, [version])
      else known.push(version)
    }
    for (const [key, versions] of images) {
      const [first] = versions
      if (first === undefined) continue
      const published = registry.publishedScopes(first.image)
      // One more than have to show it: nobody else could take it.
      if (scopesIn(versions, published.scopes) <= mergeFrom) continue
      const revisions = `${mergeFrom}\n${revisionsOf(versions, published.revision)}`
      if (this.#looked.get(key) === revisions) continue
      yield* this.#merge(versions, published.scopes, mergeFrom)
      // As they were before the pauses: the next tick looks at every change since.
      this.#looked.set(key, revisions)
    }
    for (const key of this.#looked.keys()) if (!images.has(key)) this.#looked.delete(key)
  }

  *#merge(
    versions: readonly DeployedVersion[],
    published: readonly PublishedScope[],
    mergeFrom: number,
  ): Steps<void> {
    const shown = new Map<BehaviourId, ShownIn>()
    const show = (entry: Inheritable, scope: string): void => {
      const grants = givenToOthers(entry)
      if (grants.length === 0) return
      const by = shown.get(entry.id) ?? { entry, scopes: new Map<string, Grant[]>() }
      shown.set(entry.id, by)
      by.scopes.set(scope, [...(by.scopes.get(scope) ?? []), ...grants])
    }
    for (const { image, profile } of versions) {
      for (const entry of profile.outline()) {
        yield
        show(entry.inheritable(), image.scope ?? '')
      }
    }
    for (const { scope, entries } of published) {
      for (const entry of [...entries.values()].flat()) {
        yield
        show(entry, scope)
      }
    }
    const enough = [...shown.values()].filter(({ scopes }) => scopes.size >= mergeFrom)
    for (const version of versions) {
      yield
      if (!this.#context.registry.index.has(version) || version.life.state === 'learning') continue
      const given = enough.filter(({ entry }) => isOpen(version, entry.id))
      if (given.length > 0) this.#give(version, given)
    }
  }

  #give(version: DeployedVersion, given: readonly ShownIn[]): void {
    const at = new Date(this.#context.now()).toISOString()
    const entries = given.map(({ entry: { schema, id, actor, uid, object }, scopes }) => {
      const all = new Grants(keptOf(object))
      for (const grant of [...scopes.values()].flat()) all.merge(grant)
      const reason = `shown in ${scopes.size} other scopes of the image: ${scopesText(scopes)}`
      const author = { kind: 'approved', by: mergeAuthor, at, reason } as const
      const decision = { ...author, grants: all.toJSON() }
      return { schema, id, actor, uid, object, cells: [], decision }
    })
    const ids = entries.map(({ id }) => id)
    const changes = changesBy(version, ids, () => version.profile.merge(entries))
    const { journal, registry } = this.#context
    version.news = true
    registry.events.emit('decided', version, true)
    journal.audit('approve', mergeAuthor, { image: version.key, changes })
  }
}

/** The version does not expect it, nobody decided on it there, and no guardrail fired on it. */
function isOpen({ profile }: DeployedVersion, id: BehaviourId): boolean {
  const state = profile.state(id)
  if (state !== undefined && state !== 'pending' && state !== 'apart') return false
  return profile.entry(id)?.decision === undefined
}

const scopesNamed = 5

function scopesText(scopes: ReadonlyMap<string, unknown>): string {
  const names = [...scopes.keys()].sort().map((scope) => `\`${scope}\``)
  const more = names.length > scopesNamed ? ` and ${names.length - scopesNamed} more` : ''
  return `${names.slice(0, scopesNamed).join(', ')}${more}`
}

function scopesIn(
  versions: readonly DeployedVersion[],
  published: readonly PublishedScope[],
): number {
  const here = versions.map(({ image }) => image.scope)
  return new Set([...here, ...published.map(({ scope }) => scope)]).size
}

function revisionsOf(versions: readonly DeployedVersion[], published: number): string {
  const own = versions.map(({ key, revision }) => `${key} ${revision}`)
  return [...own, published].join('\n')
}
