import { visible } from '../../agent/pipeline/delivery/format/line-text.ts'
import {
  type FindingLevel,
  type GateFinding,
  type GateResult,
  ruleTitles,
} from '../../supplychain/findings/finding.ts'

/** Rows of a table in a comment; beyond it they are counted: such comments have a limit. */
const rowsShown = 100

const headings: readonly (readonly [FindingLevel, string])[] = [
  ['approve', 'Needs a decision'],
  ['warn', 'Warnings'],
]

/** A summary for a pull request. */
export function gateMarkdown(result: GateResult): string {
  const { image, baseline, passed, behaviours, counts, findings } = result
  const against = baseline === undefined ? '' : ` against ${code(baseline)}`
  const verdict = passed ? 'passed' : `stopped: ${decisions(counts.approve)}`
  const open = findings.filter(({ approved }) => approved === undefined)
  const rest = [
    counts.approved === 0 ? '' : `${counts.approved} approved`,
    counts.note === 0 ? '' : `${counts.note} only noted`,
  ].filter((text) => text !== '')
  return [
    `### Snug gate: ${code(image)}${against} ${verdict}`,
    '',
    `${behaviours.seen} behaviours were seen, ${behaviours.asBefore} of them as before.`,
    ...headings.flatMap(([level, title]) =>
      section(
        title,
        open.filter((finding) => finding.level === level),
      ),
    ),
    ...(rest.length === 0 ? [] : ['', `Beside these: ${rest.join(', ')}.`]),
    '',
  ].join('\n')
}

export function decisions(count: number): string {
  return count === 1 ? '1 decision is needed' : `${count} decisions are needed`
}

function section(title: string, findings: readonly GateFinding[]): readonly string[] {
  if (findings.length === 0) return []
  const rows = findings.slice(0, rowsShown).map(({ rule, text, why, id }) => {
    const words = why === undefined ? code(text) : `${code(text)} ${code(why)}`
    return `| ${ruleTitles[rule]} | ${words} | ${code(id)} |`
  })
  const more = findings.length - rows.length
  return [
    '',
    `**${title}**`,
    '',
    '| | what | id |',
    '|---|---|---|',
    ...rows,
    ...(more === 0 ? [] : ['', `and ${more} more`]),
  ]
}

/** In a span of code nothing is markup but the mark that ends it; in a table also its bar. */
export function code(text: string): string {
  const plain = visible(text).replaceAll('|', '\\|')
  const longest = Math.max(0, ...(plain.match(/`+/g) ?? []).map(({ length }) => length))
  const marks = '`'.repeat(longest + 1)
  const space = longest > 0 || plain.startsWith(' ') || plain === '' ? ' ' : ''
  return `${marks}${space}${plain}${space}${marks}`
}
