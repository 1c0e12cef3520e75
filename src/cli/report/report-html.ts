import { html, Markup } from './markup.ts'
import type { Evidence, EvidenceReport, EvidenceTable } from './report-schema.ts'
import { cutMiddle } from '../../support/safe-text.ts'

/** A person reads no more; the report as JSON has all rows. */
const rowsShown = 100
/** A container chooses how long its names are. */
const longest = 300
/** A cell that is a time: nobody needs the fraction of its second. */
const time = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z$/

const style = new Markup(`
:root { color-scheme: light }
body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff;
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin-bottom: .3rem }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .4rem; padding-top: .8rem; border-top: 2px solid #1a1a1a }
h3 { font-size: 1rem; margin: 1rem 0 .2rem }
p, ul { margin: .3rem 0 }
ul { padding-left: 1.3rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0 }
dt { color: #555 }
dd { margin: 0 }
.gaps { margin: .6rem 0; padding: .4rem .8rem; border-left: 4px solid #b35900; background: #fff6ea }
.outside { margin: .6rem 0; padding: .4rem .8rem; border-left: 4px solid #777; background: #f4f4f4 }
:is(.gaps, .outside) :is(h2, h3) { font-size: 1rem; margin: 0; padding: 0; border: 0 }
table { width: 100%; border-collapse: collapse; font-size: .8rem; margin: .3rem 0 1rem }
th, td { padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #ccc; overflow-wrap: anywhere }
th { border-bottom-color: #1a1a1a; overflow-wrap: normal }
caption { text-align: left; font-weight: 600; padding: .3rem 0 }
th.number, .number { text-align: right }
.time { white-space: nowrap }
code { font-size: .9em; overflow-wrap: anywhere }
a { color: #00458b }
@page { margin: 16mm }
@media print {
  body { max-width: none; margin: 0; padding: 0; font-size: 10pt }
  h2, h3, caption { break-after: avoid }
  tr, li, .gaps, .outside { break-inside: avoid }
  thead { display: table-header-group }
  .gaps, .outside { background: none }
  a { color: inherit }
}
`)

/** One page that needs nothing else: no script, no font, no picture. */
export function reportHtml(report: EvidenceReport): string {
  const { framework, span, madeAt, node, version, outside, gaps, controls, evidence } = report
  const title = `Evidence for ${framework.title}`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>This page states what the agent of one node has on record, and the gaps in it. Whether that is enough is for the assessor.</p>
<dl>
<dt>Framework</dt><dd>${framework.title}, ${framework.edition} (${link(framework.source)})</dd>
<dt>Period</dt><dd>${span.from} to ${span.to}</dd>
<dt>Node</dt><dd>${node}</dd>
<dt>Made</dt><dd>${madeAt}, by Snug ${version}</dd>
</dl>
${box('outside', html`<h2>What this page does not have</h2>`, outside)}
${box('gaps', html`<h2>Gaps that concern all evidence</h2>`, gaps)}
${controls.map((control) => controlHtml(control, evidence))}
<h2>Tables</h2>
${evidence.map(tablesHtml)}
</main>
</body>
</html>
`.text
}

function controlHtml(
  { id, title, asks, source, evidence, notCovered }: EvidenceReport['controls'][number],
  all: readonly Evidence[],
): Markup {
  const used = all.filter(({ kind }) => evidence.includes(kind))
  // Two kinds of evidence may have the same gap.
  const gaps = [...new Set(used.flatMap((one) => one.gaps))]
  return html`<section>
<h2>${id}: ${title}</h2>
<p>${asks} (${link(source)})</p>
${used.map(
  (one) => html`<h3>${heading(one)}</h3>
${list(one.statements)}
`,
)}
${box('gaps', html`<h3>Gaps</h3>`, gaps)}
${box('outside', html`<h3>Not covered</h3>`, notCovered)}
</section>
`
}

function heading({ kind, title, tables }: Evidence): Markup {
  return tables.length === 0 ? html`${title}` : html`<a href="#${kind}">${title}</a>`
}

function tablesHtml({ kind, title, tables }: Evidence): Markup {
  if (tables.length === 0) return html``
  return html`<h3 id="${kind}">${title}</h3>
${tables.map(tableHtml)}`
}

function tableHtml({ title, columns, rows }: EvidenceTable): Markup {
  if (rows.length === 0)
    return html`<p>${title}: none.</p>
`
  const shown = rows.slice(0, rowsShown)
  const left = rows.length - shown.length
  return html`<table>
<caption>${title}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col" class="${classOf(rows[0]?.[column.key])}">${column.title}</th>`)}</tr></thead>
<tbody>
${shown.map(
  (row) => html`<tr>${columns.map(({ key }) => cell(row[key] ?? '-'))}</tr>
`,
)}</tbody>
</table>
${
  left === 0
    ? ''
    : html`<p>${left} more rows are in the report as JSON.</p>
`
}`
}

function cell(value: string | number): Markup {
  const text = String(value).replace(time, '$1Z')
  return html`<td class="${classOf(value)}">${cutMiddle(text, longest)}</td>`
}

function classOf(value: string | number | undefined): string {
  if (typeof value === 'number') return 'number'
  return value !== undefined && time.test(value) ? 'time' : ''
}

function box(name: string, title: Markup, texts: readonly string[]): Markup {
  return texts.length === 0
    ? html``
    : html`<div class="${name}">
${title}
${list(texts)}
</div>
`
}

function list(texts: readonly string[]): Markup {
  return html`<ul>
${texts.map(
  (text) => html`<li>${marked(text)}</li>
`,
)}</ul>`
}

/** Names stand between backticks. One in a name only moves where the text has another look. */
function marked(text: string): readonly Markup[] {
  return cutMiddle(text, longest * 3)
    .split('`')
    .map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}

/** The address comes from a file of this installation, which has only those of https. */
function link(address: string): Markup {
  return html`<a href="${address}">${new URL(address).host}</a>`
}
