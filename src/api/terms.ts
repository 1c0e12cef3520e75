import { behaviourStates } from '../core/profile/profile-entry.ts'

/** Closed sets of words of the contract, apart from its schemas: a program that only compares them loads no schema. */
export const kernelProfileStates = ['none', 'sent', 'installed', 'evicted', 'failed'] as const
export const kernelCounts = ['sent', 'installed', 'evicted', 'failed', 'blocking'] as const

export const shownStates = [...behaviourStates, 'vanished'] as const
/** `vanished`: inherited and never shown in the version's own window; expected for a while yet. */
export type ShownState = (typeof shownStates)[number]

export const stopHows = ['blocked', 'killed', 'alerted', 'unseen'] as const
/** Refused before it happens; its process killed first; only an alert; or not even that. */
export type StopHow = (typeof stopHows)[number]

export const incidentStates = ['open', 'closed'] as const
/** `open`: a person still has to decide on an alert of it. */
export type IncidentState = (typeof incidentStates)[number]

export const sinkStates = ['idle', 'delivering', 'failing'] as const

/** Why a sink gave up on an alert. */
export const givenUpReasons = ['full', 'late', 'refused'] as const
export type GivenUpReason = (typeof givenUpReasons)[number]

export const actGroups = ['read', 'write', 'connect', 'listen', 'other'] as const
export type ActGroupName = (typeof actGroups)[number]

export const cardDecisions = ['approve', 'reject', 'withdraw'] as const

export const alertStates = ['open', 'decided'] as const
export type AlertState = (typeof alertStates)[number]

/**
 * What a card has in common. `cause`: actor, access and place, as alerts have it. `program`: a program that the profile
 * does not have, with what it and the programs it starts do. `session`: what only one exec session did.
 */
export const cardGroupings = ['cause', 'program', 'session'] as const
export type CardGrouping = (typeof cardGroupings)[number]
