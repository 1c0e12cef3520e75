import { auditChain, decisions, enforcement, monitoring } from './agent-evidence.ts'
import { alertCounts, changes, losses } from './event-evidence.ts'
import type { Section } from './evidence-parts.ts'
import type { EvidenceKind } from './framework.ts'
import { capabilities, functions, images, rootUse } from './image-evidence.ts'
import type { ReportFacts, Span } from './report-facts.ts'

/** What the agent has on record of each kind. Pure: the same facts give the same evidence. */
export const evidenceOf: Readonly<
  Record<EvidenceKind, (facts: ReportFacts, span: Span) => Section>
> = {
  images,
  functions,
  capabilities,
  root: rootUse,
  changes,
  alerts: alertCounts,
  losses,
  monitoring,
  enforcement,
  decisions,
  audit: auditChain,
}
