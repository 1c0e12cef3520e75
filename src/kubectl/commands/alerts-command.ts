import { type Command, Option } from 'commander'
import { severities } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { alertStates } from '../../api/terms.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { parseCount } from '../../cli/input/option-values.ts'
import { alertColumns, alertLineBelow } from '../../cli/output/alert-table.ts'
import { type Column, textTable } from '../../cli/output/text-table.ts'
import { askAllAgents } from '../all-agents.ts'
import { clusterAccess } from '../cluster-access.ts'

interface Options {
  readonly node?: string
  readonly severity?: string
  readonly state?: string
  readonly text?: string
  readonly limit: number
}

const columns: readonly Column<Alert>[] = [
  ...alertColumns,
  { head: 'NODE', value: ({ node }) => node, cut: true },
]

export function alertsCommand(program: Command, context: CliContext): void {
  program
    .command('alerts')
    .description('lists the alerts of all nodes, newest first')
    .option('--node <name>', 'only of this node')
    .addOption(
      new Option('--severity <severity>', 'only of this severity and above').choices(severities),
    )
    .addOption(new Option('--state <state>', 'only open or only decided').choices(alertStates))
    .option('--text <words>', 'only alerts that contain this text')
    .option('--limit <count>', 'maximum number of alerts, of each node and in all', parseCount, 100)
    .action(async (options: Options, command: Command) => {
      const { io } = context
      const access = clusterAccess(command)
      const { node, limit, ...filter } = options
      const args = ['alert', 'list', '--limit', String(limit)]
      for (const [name, value] of Object.entries(filter)) args.push(`--${name}`, String(value))
      const answers = await askAllAgents<readonly Alert[]>(context, { access, node, args })
      const alerts = newestAlerts(
        answers.flatMap(({ answer }) => answer),
        access.namespace,
        limit,
      )
      await context.print(alerts, alerts, () =>
        alerts.length === 0 ? 'no alerts\n' : textTable(columns, alerts, io, alertLineBelow),
      )
    })
}

/** @param namespace only of its pods */
export function newestAlerts(
  alerts: readonly Alert[],
  namespace: string | undefined,
  limit: number,
): readonly Alert[] {
  return alerts
    .filter(({ workload }) => namespace === undefined || workload?.namespace === namespace)
    .sort((a, b) => Date.parse(b.lastSeen) - Date.parse(a.lastSeen))
    .slice(0, limit)
}
