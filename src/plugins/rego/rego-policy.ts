/** A policy in Rego, wherever it is evaluated: returns the value of its rule, undefined if the rule has none. */
export type RegoPolicy = (input: object) => Promise<unknown>

export const defaultEntrypoint = 'snug/gate'
