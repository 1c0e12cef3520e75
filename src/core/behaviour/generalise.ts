/**
 * The names of a path's variable parts, and the number of distinct witnesses that each needs before the pattern
 * includes other values. Parsed from `profiles/generalise.yaml` at the edge.
 */
export const tokenNames = [
  'uuid',
  'hex',
  'date',
  'time',
  'int',
  'long',
  'temp',
  'pid',
  'fd',
  'num',
  'volume',
] as const
export type TokenName = (typeof tokenNames)[number]

/** No threshold may exceed it: the profile keeps this many distinct values for each token. */
export const WITNESSES_KEPT = 8

/** The kernel programs compare with at most this many program names. */
export const PROGRAMS_MOST = 64
