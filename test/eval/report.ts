import { cpus, release } from 'node:os'
import { median } from '../bench/figures.ts'
import { tactics } from './acts/act.ts'
import type { EvalResults } from './evaluate.ts'
import type { Judged } from './false-alerts.ts'
import type { IntruderRow } from './intruder.ts'
import { upgradeSection } from './report-upgrade.ts'
import { bullets, markdownTable, share } from './text.ts'

export function resultsAsJson(results: EvalResults): string {
  return `${JSON.stringify(results, undefined, 2)}\n`
}

/** The page for people; what was not run is not in it. */
export function resultsAsMarkdown(results: EvalResults): string {
  const sections = [
    head(results),
    goals(results),
    results.windows.length > 0 ? learned(results) : '',
    results.judged.length > 0 ? falseAlerts(results.judged) : '',
    results.intruder.length > 0 ? intruders(results.intruder) : '',
    results.upgrade === undefined ? '' : upgradeSection(results.upgrade),
    results.failures.length === 0 ? '' : `## What broke off\n\n${bullets(results.failures)}`,
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function head({ startedAt, seconds }: EvalResults): string {
  const machine = `${cpus().length} processors, Linux ${release()}`
  return `# What learning and blocking are worth

Written by \`make eval\`, at last on ${startedAt.slice(0, 10)} (${machine}; ${Math.round(seconds / 60)} min in all). Real services from Debian's packages, in containers of a
real Docker engine, learned under one load and judged under another of the same kind. What fell short is printed as it was.`
}

function goals({ judged, intruder, upgrade }: EvalResults): string {
  const rows: string[][] = []
  const row = (goal: string, found: string, isMet: boolean): void => {
    rows.push([goal, found, isMet ? 'met' : 'missed'])
  }
  for (const mode of ['alert', 'block'] as const) {
    const here = judged.filter((one) => one.mode === mode)
    if (here.length === 0) continue
    const count = here.reduce((sum, { falseAlerts }) => sum + falseAlerts, 0)
    const hours = here.reduce((sum, { containerHours }) => sum + containerHours, 0)
    const refused = here.reduce((sum, one) => sum + one.refused, 0)
    const found = `${count} in ${hours.toFixed(2)} container-hours of ${here.length} services`
    const good = here.every(isClean)
    const goal = mode === 'alert' ? 'no false alert' : 'no false alert and no refusal in block mode'
    row(goal, mode === 'alert' ? found : `${found}, ${refused} refusals`, good)
  }
  if (intruder.length > 0) {
    const told = intruder.filter(({ alert }) => alert.told).length
    const stopped = intruder.filter(isStopped).length
    row(
      'every act of an intruder is alerted on',
      share(told, intruder.length),
      told === intruder.length,
    )
    rows.push(['acts stopped in block mode, without BPF LSM', share(stopped, intruder.length), ''])
  }
  if (upgrade !== undefined) {
    const { withPrior, fromNothing, changed } = upgrade
    const blind = `${withPrior.blindMinutes} min (from nothing: ${fromNothing.blindMinutes})`
    row('no blind minute over an upgrade', blind, withPrior.blindMinutes === 0)
    const delta = `${withPrior.review} behaviours for ${changed.length} changed files (from nothing: ${fromNothing.review})`
    row('the delta is no longer than what changed', delta, unexplained(upgrade) === 0)
  }
  return markdownTable(['goal', 'measured', ''], rows)
}

/** Of the new version's own. */
function unexplained({ added }: NonNullable<EvalResults['upgrade']>): number {
  return added.filter(({ explained, ofProbe }) => explained === undefined && !ofProbe).length
}

function isClean(one: Judged): boolean {
  return one.falseAlerts === 0 && one.controlTold && one.failures.length === 0
}

function isStopped({ block }: IntruderRow): boolean {
  return block.action === 'blocked' || block.action === 'killed'
}

function learned({ windows }: EvalResults): string {
  const rows = windows.map(({ service, lives, behaviours, approved, sentence }) => {
    return [service, String(lives), String(behaviours), approved.join('; '), sentence]
  })
  return `## What was learned

A window of minutes is ended by hand here; what coverage had to say then is in the last column. By itself it would have gone on.
What a guardrail kept apart while a service was learned is approved by a reviewer first, as it would be.

${markdownTable(['service', 'containers', 'behaviours', 'approved by a reviewer', 'coverage'], rows)}`
}

function falseAlerts(judged: readonly Judged[]): string {
  const rows = judged.map((one) => [
    one.service,
    one.kind,
    one.mode,
    String(one.containers),
    one.containerHours.toFixed(3),
    String(one.falseAlerts),
    (one.falseAlerts / one.containerHours).toFixed(1),
    String(one.refused),
    String(one.others),
    one.controlTold ? 'told' : 'NOT TOLD',
  ])
  const columns = ['service', 'kind', 'mode', 'containers', 'container-hours']
  const counts = ['false alerts', 'an hour', 'refused', 'other alerts', 'control']
  const found = judged.flatMap(({ service, mode, texts, failures }) => [
    ...texts.map((text) => `${service}, ${mode}: ${text}`),
    ...failures.map((failure) => `${service}, ${mode}: the load failed: \`${failure}\``),
  ])
  return `## False alerts

Each container lives a whole life: requests, reload, log rotation, backup, a restart (of every second one after it was killed), requests again, its end. Requests, names and data are
others than while it was learned. The control is an act that was never learned, at the end: where it is told, silence before it means something.

${markdownTable([...columns, ...counts], rows)}${found.length === 0 ? '' : `\n\nWhat they were:\n\n${bullets(found)}`}`
}

function intruders(rows: readonly IntruderRow[]): string {
  const summary = tactics.map((tactic) => {
    const here = rows.filter((row) => row.tactic === tactic)
    const times = here.flatMap(({ alert }) => (alert.ms === undefined ? [] : [alert.ms]))
    return [
      tactic,
      String(here.length),
      share(here.filter(({ alert }) => alert.told).length, here.length),
      times.length === 0 ? '' : `${Math.round(median(times))} / ${Math.max(...times)} ms`,
      share(here.filter(isStopped).length, here.length),
    ]
  })
  const all = rows.map((row) => {
    const { name, tactic, technique, via, alert, block } = row
    const done = block.done === undefined ? '' : block.done ? 'done' : 'not done'
    return [
      name,
      tactic,
      technique,
      via,
      alert.told ? `told, ${alert.ms} ms` : 'NOT TOLD',
      block.action ?? 'NOT TOLD',
      done,
    ]
  })
  return `## An intruder

${rows.length} acts from within the services' own processes: a hole in a module of redis (as root), one in a Python application (as \`www-data\`), a stolen
password of the database. Techniques are those of [ATT&CK](https://attack.mitre.org/matrices/enterprise/containers/). The time is from the order until the alert was read.
"Stopped" is blocked, or killed before it could go on; the last column is what a look into the container said.

${markdownTable(['tactic', 'acts', 'alerted on', 'median / worst', 'stopped'], summary)}

${markdownTable(['act', 'tactic', 'technique', 'by', 'in alert', 'in block', 'its effect'], all)}`
}
