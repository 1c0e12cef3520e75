import {
  type Contrast,
  type GateFinding,
  type GateResult,
  type Representative,
  ruleTitles,
} from '../../supplychain/findings/finding.ts'
import { decisions } from '../../ci/gate/markdown.ts'
import { type Column, type TableStyle, textFields, textTable } from './text-table.ts'
import { safeText } from '../../support/safe-text.ts'

const shown: Readonly<Record<GateFinding['level'], string>> = {
  approve: 'DECIDE',
  warn: 'WARN',
  note: 'note',
}

/** Of a behaviour its beginning, which is enough to approve it by. */
function idText({ id }: GateFinding): string {
  return /^b[0-9a-f]{20}$/.test(id) ? id.slice(0, 10) : id
}

const columns: readonly Column<GateFinding>[] = [
  {
    head: '',
    value: ({ level, approved }) => (approved === undefined ? shown[level] : 'ok'),
    colour: ({ level, approved }) =>
      approved !== undefined
        ? 'green'
        : level === 'approve'
          ? 'red'
          : level === 'warn'
            ? 'yellow'
            : undefined,
  },
  { head: 'FINDING', value: ({ rule }) => ruleTitles[rule] },
  { head: 'ID', value: idText, cut: true },
]

export function attacksText({ tried, blind }: Contrast): string {
  return `${tried} tried, ${blind} would pass`
}

export function requiredText({ required, missing }: Representative): string {
  return `${required - missing.length} of ${required} were seen`
}

/** For a terminal: findings that need a decision, warnings, and a count of the rest. */
export function gateText(result: GateResult, style: TableStyle): string {
  const { image, baseline, passed, behaviours, counts, findings, contrast, representative } = result
  const reported = findings.filter(({ level }) => level !== 'note')
  const rest = [
    counts.approved === 0 ? '' : `${counts.approved} approved`,
    counts.note === 0 ? '' : `${counts.note} only noted: \`-o json\` has them`,
  ].filter((text) => text !== '')
  const head = textFields([
    ['image', image],
    ['against', baseline ?? 'no baseline'],
    ['behaviours', `${behaviours.seen} seen, ${behaviours.asBefore} as before`],
    ...(contrast === undefined ? [] : [['attacks', attacksText(contrast)] as const]),
    ...(representative === undefined ? [] : [['required', requiredText(representative)] as const]),
    ['gate', passed ? 'open' : `shut: ${decisions(counts.approve)}`],
    ...(rest.length === 0 ? [] : [['beside', rest.join('; ')] as const]),
  ])
  if (reported.length === 0) return head
  const below = (finding: GateFinding): string => finding.text
  const table = textTable(columns, reported, style, below)
  const reasons = reported.flatMap((finding) => {
    const named = idText(finding)
    const { why, approved } = finding
    return [
      ...(why === undefined ? [] : [`${safeText(named)}: ${safeText(why)}\n`]),
      ...(approved === undefined
        ? []
        : [
            `${safeText(named)}: approved by ${safeText(approved.owner)} until ${safeText(approved.until)}: ${safeText(approved.reason)}\n`,
          ]),
    ]
  })
  return `${head}\n${table}${reasons.length === 0 ? '' : `\n${reasons.join('')}`}`
}
