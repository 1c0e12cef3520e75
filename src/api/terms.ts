/** Closed sets of words of the contract, apart from its schemas: a program that only compares them loads no schema. */
export const incidentStates = ['open', 'closed'] as const
/** `open`: a person still has to decide on an alert of it. */
export type IncidentState = (typeof incidentStates)[number]

/** Why a sink gave up on an alert. */
export const givenUpReasons = ['full', 'late', 'refused'] as const
export type GivenUpReason = (typeof givenUpReasons)[number]
