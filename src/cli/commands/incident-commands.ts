import { type Command, Option } from 'commander'
import { type Severity, severities } from '../../core/event/alert-words.ts'
import type {
  IncidentClosure,
  IncidentPage,
  IncidentStep,
  IncidentStory,
  IncidentView,
} from '../../api/incident-views.ts'
import { incidentStates } from '../../api/terms.ts'
import { bulk, type BulkOptions, dryRunHelp, yesHelp } from '../bulk.ts'
import type { CliContext } from '../cli-context.ts'
import { parseCount } from '../input/option-values.ts'
import { severityColour } from '../output/alert-table.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

interface Filter {
  readonly state: string
  readonly severity?: string
  readonly image?: string
  readonly limit: number
}

interface Close extends BulkOptions {
  readonly reason: string
}

export const incidentColumns: readonly Column<IncidentView>[] = [
  { head: 'ID', value: ({ id }) => id },
  {
    head: 'SEVERITY',
    value: ({ severity }) => severity,
    colour: ({ severity }) => severityColour[severity],
  },
  { head: 'STATE', value: ({ state }) => state },
  { head: 'ALERTS', value: ({ alerts }) => alerts, right: true },
  { head: 'CONTAINERS', value: ({ containers }) => containers, right: true },
  { head: 'LAST SEEN', value: ({ lastSeen }) => `${lastSeen.slice(0, 19)}Z` },
]

const stepColumns: readonly Column<IncidentStep>[] = [
  { head: 'FIRST SEEN', value: ({ firstSeen }) => `${firstSeen.slice(0, 19)}Z` },
  {
    head: 'SEVERITY',
    value: ({ severity }) => severity,
    colour: ({ severity }) => severityColour[severity],
  },
  { head: 'ACTION', value: ({ action }) => action },
  { head: 'ALERTS', value: ({ alerts }) => alerts, right: true },
  { head: 'CONTAINERS', value: ({ containers }) => containers, right: true },
  { head: 'ALERT', value: ({ alert }) => alert },
]

export function incidentCommands(program: Command, context: CliContext): void {
  const incident = program
    .command('incident')
    .description('shows alerts that hang together, and closes them together')

  addIncidentFilter(incident.command('list').description('lists incidents, gravest first')).action(
    async ({ state, ...filter }: Filter) => {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries(filter)) query.set(name, String(value))
      if (state !== 'all') query.set('state', state)
      const page = await context.client.get<IncidentPage>(`/v1/incidents?${query.toString()}`)
      await context.print(page, page.incidents, () => pageText(page, context.io))
    },
  )

  incident
    .command('show')
    .description('shows one incident with its steps, and why its alerts are in it')
    .argument('<id>', 'its id, or the id of an alert of it')
    .action(async (id: string) => {
      const story = await context.client.get<IncidentStory>(incidentPath(id))
      await context.print(story, story.steps, () => storyText(story, context.io))
    })

  incident
    .command('close')
    .description(
      'acknowledges the open alerts of an incident. It allows nothing: their behaviours stay deviations, and a further alert opens the incident again',
    )
    .argument('<id>', 'its id, or the id of an alert of it')
    .requiredOption('--reason <text>', 'why no further action is needed')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (id: string, { reason, dryRun, yes }: Close) => {
      // What is closed is what was there before the question.
      const { revision } = await context.client.get<IncidentStory>(incidentPath(id))
      const run = async (body: object) => ({
        data: await context.client.send<IncidentClosure>('POST', `${incidentPath(id)}/close`, body),
        tag: undefined,
      })
      const body = { revision, reason }
      await bulk({ context, run, body, dryRun, yes }, closureText, ({ acknowledged }) => ({
        rows: acknowledged.map((alert) => ({ alert })),
        question: `Acknowledge ${acknowledged.length} alerts?`,
      }))
    })
}

export function addIncidentFilter(list: Command): Command {
  return list
    .addOption(
      new Option('--state <state>', 'only these')
        .choices([...incidentStates, 'all'])
        .default('open'),
    )
    .addOption(
      new Option('--severity <severity>', 'only incidents of this severity and above').choices(
        severities,
      ),
    )
    .option('--image <repository>', 'only incidents with a container of this repository')
    .option('--limit <count>', 'maximum number of incidents', parseCount, 100)
}

function incidentPath(id: string): string {
  return `/v1/incidents/${encodeURIComponent(id)}`
}

function pageText({ total, incidents, outside }: IncidentPage, style: TableStyle): string {
  const more = total - incidents.length
  return [
    textTable(incidentColumns, incidents, style, ({ title }) => title),
    more === 0 ? '' : `${more} more incidents: pass --limit\n`,
    `open alerts in no incident: ${severityCounts(outside)}\n`,
  ].join('')
}

function severityCounts(counts: Readonly<Record<Severity, number>>): string {
  const parts = severities.filter((each) => counts[each] > 0).reverse()
  return parts.map((each) => `${counts[each]} ${each}`).join(', ') || 'none'
}

function fieldsOf(incident: IncidentView): string {
  const { id, severity, state, alerts, open, severities: counts, containers, places } = incident
  const { firstSeen, lastSeen, images, persons, attack, guardrails, follows, closed } = incident
  return textFields([
    ['incident', id],
    ['what', incident.title],
    ['severity', severity],
    ['state', `${state}, ${open} of ${alerts} alerts without a decision`],
    ...(closed === undefined
      ? []
      : [['closed', `by ${closed.by} at ${closed.at}: ${closed.reason ?? closed.kind}`] as const]),
    ['alerts', severityCounts(counts)],
    ['containers', `${containers}: ${places.join(', ')}`],
    ['images', images.join(', ') || '-'],
    ['persons', persons.join(', ') || '-'],
    ['seen', `${incident.events} events, ${firstSeen} to ${lastSeen}`],
    ['attack', attack.join(', ') || '-'],
    ['guardrails', guardrails.join(', ') || 'none'],
    ...(follows === undefined ? [] : [['follows', follows] as const]),
  ])
}

export function storyText(story: IncidentStory, style: TableStyle): string {
  const { steps, members, left } = story
  const reasons = members.map(({ alert, because, with: other }) => {
    return `  ${alert} ${safeText(because)}${other === undefined ? '' : ` as ${other}`}\n`
  })
  const table = textTable(stepColumns, steps, style, ({ actor, text }) => `${actor}: ${text}`)
  return [
    `${fieldsOf(story)}\n${table}`,
    left.steps === 0 ? '' : `  … ${left.steps} more steps of no higher severity\n`,
    '\nwhy these alerts are one incident\n',
    ...reasons,
    left.members === 0 ? '' : `  … ${left.members} more alerts of no higher severity\n`,
  ].join('')
}

function closureText({ incident, acknowledged }: IncidentClosure): string {
  return textFields([
    ['incident', incident.id],
    ['what', incident.title],
    ['state', incident.state],
    ['acknowledged', `${acknowledged.length} alerts`],
  ])
}
