import { anyOf } from './answer.ts'
import {
  type Direction,
  type NetworkPolicy,
  peerText,
  type PolicyRule,
  portText,
} from './network-policy.ts'
import { type Connection, peersMatch, portsMatch, ruleMatches } from './rule-match.ts'

export const connectionVerdicts = ['refused', 'unknown', 'allowed', 'open'] as const
/** `open`: no policy isolates the pods in that direction, and so nothing of it is refused. */
export type ConnectionVerdict = (typeof connectionVerdicts)[number]

export interface Judged {
  readonly verdict: ConnectionVerdict
  readonly because: string
}

/** @param policies that isolate the pods in that direction; a connection is allowed if one of them allows it */
export function judgeConnection(
  policies: readonly NetworkPolicy[],
  connection: Connection,
  direction: Direction,
): Judged {
  if (policies.length === 0) {
    return { verdict: 'open', because: `no policy selects the pods for ${direction}` }
  }
  const rules = policies.flatMap((policy) =>
    policy[direction].map((rule, index) => ({ policy, rule, index })),
  )
  const answers = rules.map(({ policy, rule }) => ruleMatches(rule, connection, policy.namespace))
  const allowing = rules[answers.findIndex(({ is }) => is === 'yes')]
  if (allowing !== undefined) {
    const { policy, index } = allowing
    return { verdict: 'allowed', because: `${policy.name} allows it: ${direction}[${index}]` }
  }
  const open = anyOf(answers)
  if (open.is === 'unknown') {
    const at = rules[answers.indexOf(open)]
    const where = at === undefined ? '' : ` (${at.policy.name}, ${direction}[${at.index}])`
    return { verdict: 'unknown', because: `cannot be known from here: ${open.why}${where}` }
  }
  const whys = policies.map(
    (policy) => `${policy.name} selects them, ${refusal(policy, connection, direction)}`,
  )
  return { verdict: 'refused', because: whys.join('; ') }
}

function refusal(policy: NetworkPolicy, connection: Connection, direction: Direction): string {
  const rules = policy[direction]
  if (rules.length === 0) return `and has no rule for ${direction}`
  const whys = rules.map((rule, index) => {
    return `${direction}[${index}] is for ${otherThing(rule, connection, policy.namespace)}`
  })
  return whys.join(', ')
}

/** The subject of the rule, where that is not the connection. */
function otherThing(rule: PolicyRule, connection: Connection, namespace: string): string {
  const ports = rule.ports.map(portText).join(' and ')
  const peers = rule.peers.map(peerText).join(' and ')
  if (portsMatch(rule, connection).is === 'no') return ports
  return peersMatch(rule, connection, namespace).is === 'no' ? peers : `${peers} at ${ports}`
}
