import type { GateFinding } from '../../supplychain/findings/finding.ts'
import type { FindingApproval, GatePolicy } from './policy-schema.ts'

/**
 * Marks the findings that an approval in the policy covers. An expired approval covers nothing and is reported. An
 * unused approval is reported too, since it is likely a typing error.
 */
export function withApprovals(
  findings: readonly GateFinding[],
  { approvals }: GatePolicy,
  nowMs: number,
): readonly GateFinding[] {
  const used = new Set<FindingApproval>()
  const marked = findings.map((finding): GateFinding => {
    const named = approvals.filter(({ finding: id }) => isMeant(id, finding))
    for (const one of named) used.add(one)
    const standing = named.find(({ until }) => nowMs <= Date.parse(until))
    if (standing === undefined || finding.level === 'note') return finding
    const { owner, until, reason } = standing
    return { ...finding, approved: { owner, until, reason } }
  })
  return [...marked, ...approvals.flatMap((one) => aboutApproval(one, used.has(one), nowMs))]
}

/** Of a behaviour the beginning of its id will do, as in every command. */
function isMeant(id: string, finding: GateFinding): boolean {
  return finding.id === id || (/^b[0-9a-f]{7,}$/.test(id) && finding.id.startsWith(id))
}

function aboutApproval(
  { finding, owner, until }: FindingApproval,
  isUsed: boolean,
  nowMs: number,
): readonly GateFinding[] {
  const id = `approval:${finding}`
  const of = `the approval of ${finding} by ${owner}`
  if (nowMs > Date.parse(until)) {
    const text = `${of} ended at ${until}`
    return [{ id, rule: 'approval-ended', level: isUsed ? 'warn' : 'note', text }]
  }
  if (isUsed) return []
  return [{ id, rule: 'approval-unused', level: 'note', text: `${of} matches no finding` }]
}
