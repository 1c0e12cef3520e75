export const severities = ['low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof severities)[number]

export const alertTypes = ['deviation', 'guardrail', 'loss', 'enforcement'] as const
export type AlertType = (typeof alertTypes)[number]

export const alertActions = ['alerted', 'blocked', 'killed', 'missed'] as const
/**
 * What happened, verified. `blocked`: it has no effect. `killed`: nothing survives that the process
 * obtained. `missed`: it was to be stopped, and had its effect.
 */
export type AlertAction = (typeof alertActions)[number]

/** How an object is used: the unit on which a person decides. */
export const causeAccesses = [
  'read',
  'change',
  'map',
  'run',
  'connect',
  'listen',
  'identity',
  'capability',
  'syscall',
] as const
export type CauseAccess = (typeof causeAccesses)[number]

/** The value of an object to an attacker, by its location. */
export const placeClasses = ['temporary', 'data', 'system', 'code', 'secret'] as const
export type PlaceClass = (typeof placeClasses)[number]

/** `most`: nearly all replicas began it together, which lowers nothing. `few`: one of many deviates from the others. */
export const replicaShifts = ['most', 'few'] as const
export type ReplicaShift = (typeof replicaShifts)[number]
