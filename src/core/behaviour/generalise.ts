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

/** Programs whose arguments define the action. */
export interface ProgramRule {
  /** As their files are called, without a version: `python` for `python3.13`. */
  readonly names: readonly string[]
  readonly why: string
  /**
   * How options are written. `shell`: the code is the first argument that is no option, `+` begins
   * options too, and a value is always the next argument. Absent: as `getopt` has it.
   */
  readonly options?: 'shell'
  /** Options whose value is the code or program to run. */
  readonly code?: readonly string[]
  /** The same of options behind which nothing is an option any more. */
  readonly last?: readonly string[]
  /** Other options that take a value. */
  readonly valued?: readonly string[]
  /** The first argument that is no option is a subcommand; the second is the code or program. */
  readonly subcommands?: boolean
  /** One file is many programs; the name in the call selects one. */
  readonly applets?: boolean
}

export interface GeneraliseRules {
  readonly schema: 'snug.generalise/v1'
  /** Distinct values, 1 to 8, before the token accepts all values of its type. */
  readonly thresholds: Readonly<Record<TokenName, number>>
  /** Below these folders every number is one that the kernel gave out. */
  readonly numbered: readonly { readonly prefix: string; readonly why: string }[]
  readonly arguments: readonly ProgramRule[]
  /** Words that look variable and are not: architectures, digest names. */
  readonly never: readonly string[]
}
