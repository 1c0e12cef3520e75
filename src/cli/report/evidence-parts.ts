import type { BehaviourKind } from '../../core/event/event-words.ts'
import type { AuditView } from '../../api/review-views.ts'
import { imageText } from '../output/view-text.ts'
import { isWithin, type ReportFacts, type Span, type VersionFacts } from './report-facts.ts'
import type { Evidence, EvidenceTable } from './report-schema.ts'

export type Section = Omit<Evidence, 'kind'>

/** The earliest time that anything is on record of. */
export function recordsBegin({ versions, audit }: ReportFacts): number {
  const first = audit.at(-1)
  const seen = versions.map(({ view }) => Date.parse(view.firstSeen))
  return Math.min(...seen, first === undefined ? Infinity : Date.parse(first.time))
}

export function entriesIn({ audit }: ReportFacts, span: Span): readonly AuditView[] {
  return audit.filter(({ time }) => isWithin(time, time, span))
}

/** A profile makes no claim about kinds that nobody observed. */
export function unobserved(
  versions: readonly VersionFacts[],
  kinds: readonly BehaviourKind[],
): readonly string[] {
  return versions.flatMap(({ view }) => {
    const observed = view.evidence?.kindsObserved ?? []
    const missing = kinds.filter((kind) => !observed.includes(kind))
    return missing.length === 0
      ? []
      : [
          `Of \`${imageText(view.image)}\`, no source observed these kinds of events: ${missing.join(', ')}.`,
        ]
  })
}

export function imageCells({ image }: VersionFacts['view']): { image: string; digest: string } {
  return { image: imageText(image), digest: image.digest }
}

export function columns(titles: Readonly<Record<string, string>>): EvidenceTable['columns'] {
  return Object.entries(titles).map(([key, title]) => ({ key, title }))
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString()
}
