/** A policy in Rego, wherever it is evaluated: gives what its rule says, undefined where it says nothing. */
export type RegoPolicy = (input: object) => Promise<unknown>

export const defaultEntrypoint = 'snug/gate'
