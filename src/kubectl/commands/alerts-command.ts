import { type Command, Option } from 'commander'
import { describeError, SnugError } from '../../errors.ts'
import { severities } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { alertStates } from '../../api/terms.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { printLine } from '../../cli/cli-io.ts'
import { parseCount } from '../../cli/input/option-values.ts'
import { alertColumns, alertLineBelow } from '../../cli/output/alert-table.ts'
import { type Column, textTable } from '../../cli/output/text-table.ts'
import { askAgent, eachOf } from '../agent-exec.ts'
import { clusterAccess } from '../cluster-access.ts'
import { FleetClient } from '../fleet-client.ts'
import { safeText } from '../../support/safe-text.ts'

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
      const all = await new FleetClient(access, io).agents()
      const agents = all.filter((agent) => node === undefined || agent.node === node)
      if (agents.length === 0) {
        const where = node === undefined ? 'the cluster' : `the node \`${node}\``
        throw new SnugError('AGENT_POD_MISSING', `no pod of an agent in ${where}`)
      }
      const args = ['alert', 'list', '--limit', String(limit)]
      for (const [name, value] of Object.entries(filter)) args.push(`--${name}`, String(value))
      const failures: unknown[] = []
      const answers = await eachOf(agents, async (agent) => {
        try {
          return await askAgent<readonly Alert[]>(access, agent, args, io.signal)
        } catch (error) {
          failures.push(error)
          return []
        }
      })
      if (failures.length === agents.length) throw failures[0]
      // What is missing here must not look like a node without alerts.
      for (const error of failures) printLine(io, `snug: ${safeText(describeError(error))}`)
      if (failures.length > 0) context.exit = 1
      const alerts = newestAlerts(answers.flat(), access.namespace, limit)
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
