import type { Command } from 'commander'
import type { IncidentPage, IncidentStory, IncidentView } from '../../api/incident-views.ts'
import {
  addIncidentFilter,
  incidentColumns,
  storyText,
} from '../../cli/commands/incident-commands.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { type Column, textTable } from '../../cli/output/text-table.ts'
import { severities } from '../../core/event/alert-words.ts'
import { SnugError } from '../../errors.ts'
import { askAllAgents } from '../all-agents.ts'
import { clusterAccess } from '../cluster-access.ts'

interface OfNode {
  readonly node?: string
}

interface Filter extends OfNode {
  readonly state: string
  readonly severity?: string
  readonly image?: string
  readonly limit: number
}

/** As the agent of the node has it. */
export type NodeIncident = IncidentView & { readonly node: string }
export type NodeIncidentStory = IncidentStory & { readonly node: string }

const columns: readonly Column<NodeIncident>[] = [
  ...incidentColumns,
  { head: 'NODE', value: ({ node }) => node, cut: true },
]
const nodeOption = ['--node <name>', 'only of this node'] as const

export function incidentCommands(program: Command, context: CliContext): void {
  const incident = program
    .command('incident')
    .description('shows alerts of a node that hang together')

  addIncidentFilter(
    incident.command('list').description('lists the incidents of each node, gravest first'),
  )
    .option(...nodeOption)
    .action(async ({ node, ...filter }: Filter, command: Command) => {
      const access = clusterAccess(command)
      const args = ['incident', 'list']
      for (const [name, value] of Object.entries(filter)) args.push(`--${name}`, String(value))
      const answers = await askAllAgents<IncidentPage>(context, { access, node, args })
      const all = answers.flatMap(({ node: of, answer }) =>
        answer.incidents.map((each) => ({ node: of, ...each })),
      )
      const incidents = gravestIncidents(all, access.namespace, filter.limit)
      await context.print(incidents, incidents, () =>
        incidents.length === 0
          ? 'no incidents\n'
          : textTable(columns, incidents, context.io, ({ title }) => title),
      )
    })

  incident
    .command('show')
    .description('shows one incident with its steps, and why its alerts are in it')
    .argument('<id>', 'its id, or the id of an alert of it')
    .option(...nodeOption)
    .action(async (id: string, { node }: OfNode, command: Command) => {
      const access = clusterAccess(command)
      const args = ['incident', 'show', id]
      const answers = await askAllAgents<IncidentStory>(context, { access, node, args, isNone })
      // An id names an incident of one node. Two nodes may have the same one.
      const stories = answers.map(({ node: of, answer }) => ({ node: of, ...answer }))
      if (stories.length === 0)
        throw new SnugError('INCIDENT_UNKNOWN', `no node that answered has an incident \`${id}\``)
      await context.print(stories, stories, () =>
        stories.map((story) => `${story.node}\n${storyText(story, context.io)}`).join('\n'),
      )
    })
}

const isNone = (error: unknown): boolean =>
  error instanceof SnugError && error.code === 'INCIDENT_UNKNOWN'

/**
 * Gravest first, and then latest first.
 *
 * @param namespace only those with a workload of it among their places
 */
export function gravestIncidents(
  incidents: readonly NodeIncident[],
  namespace: string | undefined,
  limit: number,
): readonly NodeIncident[] {
  const gravity = ({ severity }: NodeIncident): number => severities.indexOf(severity)
  return incidents
    .filter(
      ({ places }) =>
        namespace === undefined || places.some((place) => place.startsWith(`${namespace}/`)),
    )
    .sort((a, b) => gravity(b) - gravity(a) || Date.parse(b.lastSeen) - Date.parse(a.lastSeen))
    .slice(0, limit)
}
