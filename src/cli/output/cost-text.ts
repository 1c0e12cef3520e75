import type { CostReport } from '../../api/status-views.ts'
import { type Column, type TableStyle, textTable } from './text-table.ts'
import { safeText } from '../../support/safe-text.ts'

interface PartRow {
  readonly part: string
  readonly share: number
  readonly bytes: number
}

interface ProgramRow {
  readonly program: string
  readonly runs: number
  readonly each: number
  readonly share: number
}

const percent = (share: number): string => `${(share * 100).toFixed(2)} %`
const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(0)} MiB`

const partColumns: readonly Column<PartRow>[] = [
  { head: 'PART', value: ({ part }) => part },
  { head: 'OF A PROCESSOR', value: ({ share }) => percent(share) },
  { head: 'MEMORY', value: ({ bytes }) => mebibytes(bytes) },
]

const programColumns: readonly Column<ProgramRow>[] = [
  { head: 'KERNEL PROGRAM', value: ({ program }) => program },
  { head: 'RUNS', value: ({ runs }) => String(runs) },
  { head: 'EACH', value: ({ each }) => `${each.toFixed(0)} ns` },
  { head: 'OF A PROCESSOR', value: ({ share }) => percent(share) },
]

/** What Snug takes on a node, the most expensive first. Programs that did not run are left out. */
export function costText(report: CostReport, style: TableStyle): string {
  const { seconds, processors, processes, kernel, unmeasured } = report
  const programs = (kernel?.programs ?? [])
    .filter(({ runs }) => runs > 0)
    .map(({ program, runs, nanoseconds }) => ({
      program,
      runs,
      each: nanoseconds / runs,
      share: nanoseconds / 1e9 / (kernel?.seconds ?? seconds),
    }))
    .toSorted((a, b) => b.share - a.share)
  const parts: readonly PartRow[] = [
    ...processes.map(({ process, seconds: spent, residentBytes }) => ({
      part: process,
      share: spent / seconds,
      bytes: residentBytes,
    })),
    ...(kernel === undefined
      ? []
      : [
          {
            part: 'kernel',
            share: programs.reduce((sum, { share }) => sum + share, 0),
            bytes: kernel.mapBytes,
          },
        ]),
  ]
  const share = parts.reduce((sum, part) => sum + part.share, 0)
  const bytes = parts.reduce((sum, part) => sum + part.bytes, 0)
  return [
    `Within ${seconds.toFixed(1)} s Snug took ${percent(share)} of a processor, which is ${percent(share / processors)} of the ${processors} of this node, and ${mebibytes(bytes)} of memory.\n`,
    textTable(partColumns, parts, style),
    unmeasured === undefined
      ? textTable(programColumns, programs, style)
      : `The programs in the kernel are not in these figures: ${safeText(unmeasured)}\n`,
  ].join('\n')
}
