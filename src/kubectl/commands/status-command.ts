import type { Command } from 'commander'
import { describeError } from '../../errors.ts'
import type { StatusView } from '../../api/status-views.ts'
import type { ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { type Column, type TableStyle, textFields, textTable } from '../../cli/output/text-table.ts'
import { askAgent, eachOf } from '../agent-exec.ts'
import { clusterAccess } from '../cluster-access.ts'
import { type AgentPod, FleetClient, type NodeRow } from '../fleet-client.ts'

/** The agent of a node, and what it answered. */
export interface AgentState extends AgentPod {
  /** Only with `--ask`; absent where it did not answer. */
  readonly state?: string
  readonly version?: string
  readonly openAlerts?: number
  readonly degraded?: readonly string[]
  /** Why it did not answer. */
  readonly error?: string
}

export interface ClusterStatus {
  readonly nodes: { readonly linux: number; readonly other: number }
  /** Linux nodes without an agent that is ready. */
  readonly uncovered: readonly string[]
  readonly agents: readonly AgentState[]
  readonly profiles: Readonly<Record<string, number>>
  /** Behaviours that wait for review, in all profiles. */
  readonly pending: number
}

const columns: readonly Column<AgentState>[] = [
  { head: 'NODE', value: ({ node }) => node, cut: true },
  { head: 'AGENT', value: ({ name }) => name, cut: true },
  {
    head: 'STATE',
    value: stateText,
    colour: (agent) => (isWell(agent) ? undefined : 'red'),
  },
  { head: 'VERSION', value: ({ version }) => version ?? '-' },
  { head: 'OPEN ALERTS', value: ({ openAlerts }) => openAlerts ?? '-', right: true },
]

export function statusCommand(program: Command, context: CliContext): void {
  program
    .command('status')
    .description(
      'shows which nodes have an agent, and what the profiles of the cluster wait for. Exits with 1 if a Linux node has no agent that works',
    )
    .option('--ask', 'asks the agent of each node for its state and its alerts')
    .action(async ({ ask }: { ask?: true }, command: Command) => {
      const { io } = context
      const access = clusterAccess(command)
      const client = new FleetClient(access, io)
      const [profiles, nodes, agents] = [
        await client.profiles(),
        await client.nodes(),
        await client.agents(),
      ]
      const states =
        ask === true
          ? await eachOf(agents, async (agent): Promise<AgentState> => {
              try {
                // Exit code 1: an answer of an agent that does not observe everything.
                const args = ['status']
                return {
                  ...agent,
                  ...answerOf(await askAgent<StatusView>(access, agent, args, io.signal, [0, 1])),
                }
              } catch (error) {
                return { ...agent, error: describeError(error) }
              }
            })
          : agents
      const status = clusterStatus(profiles, nodes, states)
      await context.print(status, states, () => statusText(status, io))
      if (status.uncovered.length > 0 || !states.every(isWell)) context.exit = 1
    })
}

function answerOf({ state, version, alerts, degraded }: StatusView): Partial<AgentState> {
  return { state, version, openAlerts: alerts.open, degraded }
}

export function clusterStatus(
  profiles: readonly ImageProfile[],
  nodes: readonly NodeRow[],
  agents: readonly AgentState[],
): ClusterStatus {
  const linux = nodes.filter((node) => node.linux)
  const covered = new Set(agents.filter(({ ready }) => ready).map(({ node }) => node))
  const states: Record<string, number> = {}
  let pending = 0
  for (const { status } of profiles) {
    const state = status?.state ?? 'unpublished'
    states[state] = (states[state] ?? 0) + 1
    pending += status?.pending ?? 0
  }
  return {
    nodes: { linux: linux.length, other: nodes.length - linux.length },
    uncovered: linux.map(({ name }) => name).filter((name) => !covered.has(name)),
    agents,
    profiles: states,
    pending,
  }
}

function isWell({ ready, error, state }: AgentState): boolean {
  return ready && error === undefined && (state === undefined || state === 'running')
}

function stateText({ ready, error, state, degraded = [] }: AgentState): string {
  if (error !== undefined) return 'no answer'
  const ground = degraded.length === 0 ? '' : ` (${degraded.length})`
  return ready ? `${state ?? 'ready'}${ground}` : 'not ready'
}

function statusText(status: ClusterStatus, style: TableStyle): string {
  const { nodes, uncovered, agents, profiles, pending } = status
  const others =
    nodes.other === 0 ? '' : `, and ${nodes.other} of other systems, which Snug ignores`
  const states = Object.entries(profiles).map(([state, count]) => `${count} ${state}`)
  const troubles = agents.flatMap(({ node, error, degraded = [] }) =>
    [...(error === undefined ? [] : [error]), ...degraded].map((why) => `${node}: ${why}`),
  )
  const head = textFields([
    ['nodes', `${nodes.linux} Linux nodes${others}`],
    ['without agent', uncovered.length === 0 ? 'none' : uncovered],
    ['profiles', states.length === 0 ? 'none yet' : states.join(', ')],
    ['for review', `${pending} behaviours`],
    ...(troubles.length === 0 ? [] : [['degraded', troubles] as const]),
  ])
  return agents.length === 0 ? head : `${head}\n${textTable(columns, agents, style)}`
}
