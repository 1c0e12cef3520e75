import { writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from '../bench/figures.ts'
import { loadResults, type Protocol, protocols, type ServiceResult } from './result.ts'
import { kinds, kindTitles } from './service.ts'
import { allServices } from './services/all.ts'
import { attackSection, isMissed, isStopped } from './summary-attacks.ts'
import { type Column, columnOf, columns } from './split.ts'
import { markdownTable, share, wrapped } from './text.ts'

/** Writes `docs/eval.md` from the results in `.build/eval`, complete or not. */
const here = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const { values } = parseArgs({
  options: {
    results: { type: 'string', default: here('.build/eval') },
    to: { type: 'string', default: here('docs/eval.md') },
  },
})

const protocolTitles: Readonly<Record<Protocol, string>> = {
  one: 'one round of load A',
  three: 'three rounds, one of them of load B',
}

const judgedOf = (
  results: readonly ServiceResult[],
  protocol: Protocol,
  version: 'first' | 'second',
) => results.flatMap((result) => result.protocols[protocol]?.[version] ?? [])

function summed(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** Alerts, those of an hour of one container, and those of `medium` and above. */
function alertCells(
  results: readonly ServiceResult[],
  protocol: Protocol,
  version: 'first' | 'second',
) {
  const judged = judgedOf(results, protocol, version)
  const hours = summed(judged.map(({ containerHours }) => containerHours))
  const of = (pick: (one: (typeof judged)[number]) => number): string => {
    const sum = summed(judged.map(pick))
    return hours === 0 ? '' : `${sum} (${(sum / hours).toFixed(0)})`
  }
  return [of(({ alerts }) => alerts), of(({ grave }) => grave)]
}

function head(results: readonly ServiceResult[]): string {
  const days = results.map(({ at }) => at.slice(0, 10)).sort()
  const commits = [...new Set(results.map(({ commit }) => commit))].join(', ')
  const left = allServices.filter(({ name }) => !results.some(({ service }) => service === name))
  const notRun =
    left.length === 0 ? 'All were run.' : `Not run: ${left.map(({ name }) => name).join(', ')}.`
  const broken = results.filter(({ residentMiB }) => residentMiB === undefined)
  const partly =
    broken.length === 0
      ? ''
      : ` The run broke off before its end for ${broken.map(({ service }) => service).join(', ')}: of these there are no
figures for what comes later.`
  return `# What learning and blocking are worth

\`make eval\` measures Snug on ${allServices.length} services from Debian's packages, of ${kinds.length} kinds, in containers of a real Docker engine. A hash of its
name puts each service into one of two columns. **Development** services may be looked into while the learner is worked on.
Of **held-out** services only totals are kept. The gap between the columns is the over-fit.

These figures are of ${results.length} services, measured on ${days.at(-1) ?? ''} at ${commits} (${cpus().length} processors, Linux ${release()}, other work on the
machine). ${notRun}${partly}

Each service has two loads, A and B, which differ in users, names, sizes, errors and restarts. Two protocols learn it:

- *one round*: one container under load A for ${Math.round(results[0]?.roundSeconds ?? 0)} seconds;
- *three rounds*: three containers for as long each, the second of them under load B.

A person then ends the window, long before Snug would end it. Both profiles are judged under load B. A second version adds one program, one
file and one connection, which every service makes before it starts. That connection is an alert of \`medium\`.`
}

function columnRows(all: readonly ServiceResult[], commit: string): string {
  const results = all.filter((result) => result.commit === commit)
  const by = (column: Column) => results.filter((result) => result.column === column)
  const row = (name: string, cell: (of: readonly ServiceResult[]) => string): readonly string[] => [
    name,
    ...columns.map((column) => cell(by(column))),
  ]
  const middle =
    (pick: (one: ServiceResult) => number | undefined) => (of: readonly ServiceResult[]) => {
      const found = of.map(pick).filter((one) => one !== undefined)
      return found.length === 0 ? '' : `${median(found)} / ${Math.max(...found)}`
    }
  const rows: (readonly string[])[] = [row('services', (of) => String(of.length))]
  for (const protocol of protocols) {
    const title = protocolTitles[protocol]
    for (const version of ['first', 'second'] as const) {
      const of = version === 'first' ? title : `${title}, second version`
      rows.push(
        row(
          `false alerts (an hour): ${of}`,
          (some) => alertCells(some, protocol, version)[0] ?? '',
        ),
      )
      rows.push(
        row(
          `of them \`medium\` and above: ${of}`,
          (some) => alertCells(some, protocol, version)[1] ?? '',
        ),
      )
    }
    rows.push(
      row(`services without an alert: ${title}`, (of) => {
        const judged = judgedOf(of, protocol, 'first')
        return share(judged.filter(({ alerts }) => alerts === 0).length, judged.length)
      }),
    )
    const profile = (
      pick: (one: NonNullable<ServiceResult['protocols']['one']>) => number | undefined,
    ) =>
      middle((one) =>
        one.protocols[protocol] === undefined ? undefined : pick(one.protocols[protocol]),
      )
    rows.push(
      row(
        `behaviours, median / most: ${title}`,
        profile((one) => one.profile.behaviours),
      ),
    )
    rows.push(
      row(
        `KiB of a profile, median / most: ${title}`,
        profile((one) => Math.round(one.profile.bytes / 1_024)),
      ),
    )
    rows.push(
      row(
        `lines of the delta, median / most: ${title}`,
        profile(({ delta }) => delta),
      ),
    )
    rows.push(
      row(
        `cards for the image, median / most: ${title}`,
        profile(({ cards }) => cards),
      ),
    )
    rows.push(
      row(
        `cards for the second version, median / most: ${title}`,
        profile(({ upgradeCards }) => upgradeCards),
      ),
    )
  }
  const attacksOf = (of: readonly ServiceResult[]) =>
    of.flatMap(({ attacks }) => attacks).filter(({ works }) => works)
  rows.push(
    row('attacks detected', (of) =>
      share(attacksOf(of).filter(({ detected }) => detected).length, attacksOf(of).length),
    ),
    row('attacks named', (of) =>
      share(attacksOf(of).filter(({ named }) => named).length, attacksOf(of).length),
    ),
    row('attacks stopped in block mode', (of) => {
      const tried = attacksOf(of).filter(({ block }) => block !== undefined)
      return share(tried.filter(isStopped).length, tried.length)
    }),
    row('attacks detected in block mode, but not stopped', (of) => {
      const tried = attacksOf(of).filter(({ block }) => block !== undefined)
      return share(
        tried.filter((one) => isMissed(one) && one.block?.detected === true).length,
        tried.length,
      )
    }),
    row('refusals of the service itself in block mode', (of) => {
      const blocked = of.flatMap(({ block }) => block ?? [])
      return blocked.length === 0 ? '' : String(summed(blocked.map(({ alerts }) => alerts)))
    }),
    row('services that block mode leaves whole', (of) => {
      const blocked = of.flatMap(({ block }) => block ?? [])
      return share(
        blocked.filter(({ alerts, failures }) => alerts === 0 && failures.length === 0).length,
        blocked.length,
      )
    }),
  )
  return `## The two columns, at ${commit}

An alert is false where the service does by itself what it is about. In brackets: for one container in one hour.

${markdownTable(
  ['', ...columns],
  rows.filter(([, ...cells]) => cells.some((cell) => cell !== '')),
)}`
}

function developmentRows(results: readonly ServiceResult[]): string {
  const rows = results
    .filter(({ column }) => column === 'development')
    .map((result) => {
      const cells = protocols.flatMap((name) => {
        const { first, second, profile, delta } = result.protocols[name] ?? {}
        const alerts = (one: typeof first) =>
          one === undefined ? '' : `${one.alerts} (${one.grave})`
        return [
          alerts(first),
          alerts(second),
          String(profile?.behaviours ?? ''),
          String(delta ?? ''),
        ]
      })
      const blocked = result.block
      const refused = blocked === undefined ? '' : String(blocked.alerts)
      return [
        result.service,
        kindTitles[result.kind],
        result.commit,
        ...cells,
        refused,
        String(result.residentMiB ?? ''),
      ]
    })
  const of = (name: string) =>
    ['1st', '2nd', 'behaviours', 'delta'].map((what) => `${name}: ${what}`)
  return `## Development services, one by one

Alerts of the first and of the second version have those of \`medium\` and above in brackets. A refusal is one in block mode. The
memory, in MiB, is that of the daemon at the end of a batch.

${markdownTable(['service', 'kind', 'commit', ...of('one'), ...of('three'), 'refused', 'MiB'], rows)}`
}

/** False alerts of each guardrail that raised one, over both protocols and versions. */
function guardrailRows(results: readonly ServiceResult[]): string {
  const judgedIn = (column: Column) =>
    results
      .filter((result) => result.column === column)
      .flatMap(({ protocols: by }) => protocols.flatMap((name) => by[name] ?? []))
      .flatMap(({ first, second }) => [first ?? [], second ?? []].flat())
      .filter(({ guardrails }) => guardrails !== undefined)
  const judged = columns.map(judgedIn)
  if (judged.every((of) => of.length === 0)) return ''
  const ids = new Set(judged.flat().flatMap(({ guardrails = {} }) => Object.keys(guardrails)))
  const rows = [...ids]
    .sort()
    .map((id) => [
      id,
      ...judged.map((of) => String(summed(of.map((one) => one.guardrails?.[id] ?? 0)))),
    ])
  const hours = judged.map((of) => summed(of.map(({ containerHours }) => containerHours)))
  return `## False alerts of guardrails

In ${hours.map((some, i) => `${some.toFixed(2)} hours of the ${columns[i]} services`).join(' and ')}, over both protocols and versions. Guardrails that are not listed raised none.${whileLearning(results)}

${rows.length === 0 ? 'No guardrail raised a false alert.' : markdownTable(['guardrail', ...columns], rows)}`
}

/** Older results counted them among those of the judged load. */
function whileLearning(results: readonly ServiceResult[]): string {
  const counts = columns.map((column) =>
    results
      .filter((result) => result.column === column)
      .flatMap(({ protocols: by }) => protocols.flatMap((name) => by[name]?.learningAlerts ?? [])),
  )
  if (counts.every((of) => of.length === 0)) return ''
  const said = counts.map((of, i) => `${summed(of)} in the ${columns[i]} services`).join(' and ')
  return ` While they learned, guardrails raised ${said}. A person decides on these before the load that is judged.`
}

/** Names of a few, and the number of many. */
function placesText(where: readonly string[]): string {
  if (where.length <= 6) return where.join(', ')
  const versions = new Set(where.map((one) => one.replace(/^.*, ([a-z ]+)\)$/, '$1')))
  return `${where.length} times: ${[...versions].join(', ')}`
}

function brokenRows(results: readonly ServiceResult[]): string {
  const found = new Map<string, string[]>()
  const put = (text: string, where: string): void => {
    const same = text
      .replaceAll('\n', ' ')
      .replaceAll(/\b[0-9a-f]{64}\b/g, 'CONTAINER')
      .trim()
    found.set(same, [...(found.get(same) ?? []), where])
  }
  for (const { service, failures, protocols: by, block } of results) {
    for (const text of failures) put(text, service)
    for (const name of protocols) {
      const { learningFailures, first, second } = by[name] ?? {}
      for (const text of learningFailures ?? []) put(text, `${service} (${name}, learning)`)
      for (const text of first?.failures ?? []) put(text, `${service} (${name}, first version)`)
      for (const text of second?.failures ?? []) put(text, `${service} (${name}, second version)`)
    }
    for (const text of block?.failures ?? []) put(text, `${service} (block mode)`)
  }
  // Words of others, which are not this page's prose.
  const rows = [...found].map(([text, where]) => [
    `\`${text.replaceAll('`', "'")}\``,
    placesText(where),
  ])
  return rows.length === 0 ? '' : `## What failed\n\n${markdownTable(['what', 'where'], rows)}`
}

const results = loadResults(values.results).filter(
  ({ service, column }) => columnOf(service) === column,
)
const sections = [
  head(results),
  // Figures of different code are not added up.
  ...[...new Set(results.map(({ commit }) => commit))].map((commit) => columnRows(results, commit)),
  developmentRows(results),
  guardrailRows(results),
  attackSection(results),
  brokenRows(results),
]
writeFileSync(values.to, `${wrapped(sections.filter((section) => section !== '').join('\n\n'))}\n`)
