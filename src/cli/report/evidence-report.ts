import { evidenceOf } from './evidence.ts'
import { recordsBegin, timeText } from './evidence-parts.ts'
import type { EvidenceKind, Framework } from './framework.ts'
import type { ReportFacts, Span } from './report-facts.ts'
import type { EvidenceReport } from './report-schema.ts'

/** The kinds that its controls name, each once. */
export function kindsOf({ controls }: Framework): ReadonlySet<EvidenceKind> {
  return new Set(controls.flatMap(({ evidence }) => evidence))
}

/** It states what is on record and never whether that is enough. */
export function evidenceReport(
  name: string,
  framework: Framework,
  facts: ReportFacts,
  span: Span,
  now: number,
): EvidenceReport {
  const { title, edition, source, outside, controls } = framework
  const begin = recordsBegin(facts)
  return {
    schema: 'snug.evidence-report/v1',
    framework: { name, title, edition, source },
    span: { from: timeText(span.from), to: timeText(span.to) },
    madeAt: timeText(now),
    node: facts.status.node,
    version: facts.status.version,
    outside,
    gaps: [
      ...(begin === Infinity ? ['The agent has nothing on record.'] : []),
      ...(begin > span.from && begin < Infinity
        ? [`The agent has nothing on record before ${timeText(begin)}.`]
        : []),
    ],
    controls,
    evidence: [...kindsOf(framework)].map((kind) => ({ kind, ...evidenceOf[kind](facts, span) })),
  }
}
