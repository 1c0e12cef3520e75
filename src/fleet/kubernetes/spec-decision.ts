import {
  approveAllName,
  authorsAnnotation,
  authorsIn,
  modeName,
} from '../../core/lifecycle/spec-names.ts'
import { ownerOf } from './field-owner.ts'
import type { FleetImage, FleetMode, ImageProfile } from './fleet-objects.ts'

/** Author and time of a part of an object, from the field manager that owns that part. */
export interface Author {
  /**
   * `user:NAME`, as admission noted it. Otherwise `field-manager:NAME` or `git:NAME`: the name that the client gave
   * itself, since the API server does not record the user in the object.
   */
  readonly by: string
  /** RFC 3339; moves when the manager owns more or other fields, and not when the value of one changes. */
  readonly at: string
}

export interface BehaviourDecision extends Author {
  /** Id of the behaviour. */
  readonly id: string
}

/** Decisions of people or git on a version, in the object itself. */
export interface SpecDecision {
  readonly image: FleetImage
  /** Uid of the object. */
  readonly profile: string
  /** Generation of this object: a later decision has a higher number. */
  readonly generation: number
  /** It overrides decisions made elsewhere. */
  readonly isGit: boolean
  readonly mode?: Author & { readonly is: FleetMode }
  readonly approveAll?: Author
  readonly approve: readonly BehaviourDecision[]
  /** Approved although a guardrail keeps them in quarantine. */
  readonly release: readonly BehaviourDecision[]
  readonly reject: readonly BehaviourDecision[]
}

/**
 * The object's decisions, each with the author who wrote it last.
 *
 * @param hasAuthors admission notes users in the object, and nobody else can write that annotation
 */
export function specDecisionOf({ metadata, spec }: ImageProfile, hasAuthors = false): SpecDecision {
  const isGit = spec.authority === 'git'
  const users = authorsIn(hasAuthors ? metadata.annotations?.[authorsAnnotation] : undefined)
  const authorOf = (name: string, ...path: readonly string[]): Author => {
    const { manager = 'unknown', time } = ownerOf(metadata.managedFields ?? [], path) ?? {}
    const user = users.get(name)
    // What is held to git is compared with the author each time, so that one has to stay the same.
    const by =
      isGit || user === undefined ? `${isGit ? 'git' : 'field-manager'}:${manager}` : `user:${user}`
    return { by, at: new Date(time ?? 0).toISOString() }
  }
  const listed = (what: string, ids: readonly string[] = [], ...path: readonly string[]) =>
    ids.map((id) => ({
      id,
      ...authorOf(`${what} ${id}`, 'f:spec', ...path, `v:${JSON.stringify(id)}`),
    }))
  return {
    image: spec.image,
    profile: metadata.uid,
    generation: metadata.generation ?? 0,
    isGit,
    ...(spec.mode === undefined
      ? {}
      : {
          mode: {
            is: spec.mode,
            ...authorOf(modeName(spec.mode, isGit), 'f:spec', 'f:mode'),
          },
        }),
    ...(spec.approve?.all === true
      ? { approveAll: authorOf(approveAllName, 'f:spec', 'f:approve', 'f:all') }
      : {}),
    approve: listed('approve', spec.approve?.behaviours, 'f:approve', 'f:behaviours'),
    release: listed('release', spec.approve?.quarantined, 'f:approve', 'f:quarantined'),
    reject: listed('reject', spec.reject?.behaviours, 'f:reject', 'f:behaviours'),
  }
}
