export const certainties = ['certain', 'likely'] as const
/**
 * `certain`: only requests of this person can have begun the session, as far as the audit log has them all. `likely`: a
 * fact that would show it is missing, such as a part of the command.
 */
export type Certainty = (typeof certainties)[number]

export const unknownWhys = [
  'no-source',
  'waiting',
  'began-unseen',
  'no-request',
  'several-persons',
  'more-sessions',
] as const
/** Why nobody is named. */
export type UnknownWhy = (typeof unknownWhys)[number]
