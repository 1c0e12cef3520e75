/** `snug.agent/v1`: the state of one agent, as it reports it again and again. The latest one of a node counts. */
export interface AgentReport {
  readonly schema: 'snug.agent/v1'
  /** RFC 3339 */
  readonly time: string
  readonly node: string
  readonly version: string
  /** After how many milliseconds the next report follows. */
  readonly everyMs: number
  readonly state: string
  /** Sources that do not observe now, each with its reason. */
  readonly blind: readonly string[]
  /** What else does not work, for people. */
  readonly degraded: readonly string[]
  /** How long the oldest record has waited for delivery to this receiver, in milliseconds. */
  readonly behindMs: number
  readonly containers: number
  readonly openAlerts: number
}

/** The subject of a node below that of all: a node's name may have dots, which separate in a subject. */
export function reportSubject(prefix: string, node: string): string {
  const name = encodeURIComponent(node).replace(/[.*]/g, (c) => (c === '.' ? '%2E' : '%2A'))
  return `${prefix}.${name}`
}
