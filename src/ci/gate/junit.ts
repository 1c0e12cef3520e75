import { visible } from '../../agent/pipeline/delivery/format/line-text.ts'
import {
  type GateFinding,
  type GateResult,
  ruleTitles,
} from '../../supplychain/findings/finding.ts'

/**
 * JUnit's XML: each finding is a test. A finding that shuts the gate is a failure; an approved one or a note is
 * skipped.
 */
export function gateJunit(result: GateResult): string {
  const { findings, image, counts } = result
  const cases = findings.length === 0 ? [passedCase(result)] : findings.map(caseOf)
  const skipped = findings.length - counts.approve
  const totals = `tests="${cases.length}" failures="${counts.approve}" errors="0"`
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="snug gate" ${totals}>`,
    `  <testsuite name="${xml(image)}" ${totals} skipped="${skipped}">`,
    ...cases,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n')
}

function passedCase({ behaviours }: GateResult): string {
  const name = `${behaviours.asBefore} of ${behaviours.seen} behaviours are as before`
  return `    <testcase classname="snug.gate" name="${xml(name)}"/>`
}

function caseOf({ id, rule, level, text, why, approved }: GateFinding): string {
  const words = why === undefined ? text : `${text} (${why})`
  const how =
    approved !== undefined
      ? `<skipped message="${xml(`approved by ${approved.owner} until ${approved.until}: ${approved.reason}`)}"/>`
      : level === 'approve'
        ? `<failure type="${rule}" message="${xml(ruleTitles[rule])}">${xml(`${words}\n${id}`)}</failure>`
        : `<skipped message="${xml(level === 'warn' ? 'a warning' : 'a note')}"/>`
  return `    <testcase classname="snug.gate.${rule}" name="${xml(words)}">${how}</testcase>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** XML cannot contain some characters at all: they are replaced by visible text first. */
function xml(text: string): string {
  return text
    .split('\n')
    .map((line) => visible(line).replace(/[\uFFFE\uFFFF]/g, '\uFFFD'))
    .join('\n')
    .replace(/[&<>"']/g, (char) => entities[char] ?? char)
}
