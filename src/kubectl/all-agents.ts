import type { CliContext } from '../cli/cli-context.ts'
import { printLine } from '../cli/cli-io.ts'
import { describeError, SnugError } from '../errors.ts'
import { safeText } from '../support/safe-text.ts'
import { askAgent, eachOf } from './agent-exec.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { FleetClient } from './fleet-client.ts'

export interface NodeAnswer<T> {
  readonly node: string
  readonly answer: T
}

export interface AllAgentsQuestion {
  readonly access: ClusterAccess
  /** Only the agent of this node. */
  readonly node?: string | undefined
  /** Of `snug`. */
  readonly args: readonly string[]
  /** An agent that has nothing to answer with. */
  readonly isNone?: (error: unknown) => boolean
}

/**
 * Runs `snug ARGS` in the agents of all nodes. Prints which of them did not answer; the command then exits with 1.
 *
 * Errors: AGENT_POD_MISSING; that of an agent where none answers
 */
export async function askAllAgents<T>(
  context: CliContext,
  { access, node, args, isNone = () => false }: AllAgentsQuestion,
): Promise<readonly NodeAnswer<T>[]> {
  const { io } = context
  const all = await new FleetClient(access, io).agents()
  const agents = all.filter((agent) => node === undefined || agent.node === node)
  if (agents.length === 0) {
    const where = node === undefined ? 'the cluster' : `the node \`${node}\``
    throw new SnugError('AGENT_POD_MISSING', `no pod of an agent in ${where}`)
  }
  const failures: unknown[] = []
  const answers = await eachOf(agents, async (agent): Promise<readonly NodeAnswer<T>[]> => {
    try {
      const answer = await askAgent<T>(access, agent, args, io.signal)
      return [{ node: agent.node, answer }]
    } catch (error) {
      if (!isNone(error)) failures.push(error)
      return []
    }
  })
  if (failures.length === agents.length) throw failures[0]
  // What is missing here must not look like a node that has nothing.
  for (const error of failures) printLine(io, `snug: ${safeText(describeError(error))}`)
  if (failures.length > 0) context.exit = 1
  return answers.flat()
}
