/** The closed sets of words of an event. */
/** Kinds of events that a behaviour can come from. */
export const behaviourKinds = [
  'exec',
  'file',
  'connect',
  'listen',
  'identity',
  'capability',
  'syscall',
] as const
export type BehaviourKind = (typeof behaviourKinds)[number]

export const eventKinds = [...behaviourKinds, 'loss'] as const
export type EventKind = (typeof eventKinds)[number]

export const accesses = ['read', 'write', 'create', 'delete', 'rename', 'setattr', 'exec'] as const
export type Access = (typeof accesses)[number]

export const origins = ['entrypoint', 'init', 'probe', 'exec-in'] as const
/** The process tree of an event. *Drift* is separate, because it can occur in any tree. */
export type Origin = (typeof origins)[number]

export const containerRoles = ['init', 'sidecar', 'ephemeral'] as const
/** What a container is to its pod, where it is not one of its app's; an `ephemeral` one is an operator's, for debugging. */
export type ContainerRole = (typeof containerRoles)[number]

export const unhashedReasons = [
  'ended',
  'changed',
  'uncertain',
  'size',
  'budget',
  'queue',
  'file-system',
  'unidentified',
  'unreadable',
  'agent-ended',
] as const
/** Why the hash of a file was not computed. */
export type UnhashedReason = (typeof unhashedReasons)[number]

/** Of a file: the layers of the image, or what the container wrote. */
export const layers = ['image', 'container'] as const

/** Why an executable did not come with the image: the upper layer, an anonymous memory file, another mount. */
export const driftKinds = ['upper', 'memfd', 'mount'] as const

export const devices = ['block', 'memory'] as const
export type Device = (typeof devices)[number]

/** `held-id`: the real or saved uid was root's already. `setuid-program`: a program of the image brought it. */
export const identityRoutes = ['held-id', 'setuid-program'] as const
export type IdentityRoute = (typeof identityRoutes)[number]

export const enforcements = ['blocked', 'killed', 'missed'] as const

export const survivals = ['held-by-others', 'effect-remains'] as const
/**
 * Why killing the process did not stop the event: another thread or process holds what it obtained,
 * or the call changes something that stays.
 */
export type Survival = (typeof survivals)[number]
