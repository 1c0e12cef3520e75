import type { Command } from 'commander'
import { SnugError } from '../../errors.ts'
import type { Alert } from '../../core/event/alert.ts'
import { imageKey } from '../../core/event/image-key.ts'
import type { LineageView, VersionView } from '../../api/version-views.ts'
import type { ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { alertColumns, alertLineBelow } from '../../cli/output/alert-table.ts'
import { type TableStyle, textFields, textTable } from '../../cli/output/text-table.ts'
import { blockingFields } from '../../cli/output/view-text.ts'
import { askAgent } from '../agent-exec.ts'
import { type ClusterAccess, clusterAccess } from '../cluster-access.ts'
import { type AgentPod, FleetClient } from '../fleet-client.ts'
import { agentsByNode, type ProtectedContainer, protectionOf } from '../protection.ts'

export interface ExplainedContainer extends ProtectedContainer {
  /** As the agent of the node has it; absent where that has no such version. */
  readonly version?: VersionView
  /** Its open alerts, newest first. */
  readonly alerts: readonly Alert[]
}

export interface ExplainedPod {
  readonly pod: string
  readonly namespace: string
  readonly node: string
  /** Absent where none runs on the node. */
  readonly agent?: AgentPod
  readonly containers: readonly ExplainedContainer[]
}

export function explainCommand(program: Command, context: CliContext): void {
  program
    .command('explain')
    .description('explains how a pod is protected, and lists its open alerts')
    .argument('<pod>', 'name of the pod')
    .action(async (name: string, _: object, command: Command) => {
      const { io } = context
      const access = clusterAccess(command)
      const client = new FleetClient(access, io)
      const pod = await client.pod(access.podNamespace, name)
      const profiles = await client.profiles()
      const agents = agentsByNode(await client.agents())
      const node = pod.spec.nodeName ?? ''
      const agent = agents.get(node)
      const containers: ExplainedContainer[] = []
      const runtimes = await client.runtimes([pod])
      for (const container of protectionOf(pod, profiles, agents, runtimes)) {
        const profile = profiles.find(({ metadata }) => metadata.name === container.profile)
        const more =
          agent?.ready === true
            ? await askedOf(access, agent, container, profile, io.signal)
            : { alerts: [] }
        containers.push({ ...container, ...more })
      }
      const view: ExplainedPod = {
        pod: name,
        namespace: access.podNamespace,
        node,
        ...(agent === undefined ? {} : { agent }),
        containers,
      }
      await context.print(view, containers, () => podText(view, io))
    })
}

async function askedOf(
  access: ClusterAccess,
  agent: AgentPod,
  { id }: ProtectedContainer,
  profile: ImageProfile | undefined,
  signal: AbortSignal,
): Promise<Pick<ExplainedContainer, 'version' | 'alerts'>> {
  const list = ['alert', 'list', '--state', 'open', '--container', id]
  const alerts = await askAgent<readonly Alert[]>(access, agent, list, signal)
  if (profile === undefined) return { alerts }
  const { image } = profile.spec
  try {
    const show = ['image', 'show', imageKey(image)]
    const { versions } = await askAgent<LineageView>(access, agent, show, signal)
    const version = versions.find((each) => each.image.digest === image.digest)
    return version === undefined ? { alerts } : { alerts, version }
  } catch (error) {
    // The pod is so new that its node does not have the image yet.
    if (error instanceof SnugError && error.code === 'IMAGE_UNKNOWN') return { alerts }
    throw error
  }
}

function podText(
  { pod, namespace, node, agent, containers }: ExplainedPod,
  style: TableStyle,
): string {
  const state = agent === undefined ? 'none on this node' : agent.name
  const head = textFields([
    ['pod', `${namespace}/${pod}`],
    ['node', node === '' ? 'none yet' : node],
    ['agent', agent?.ready === false ? `${state}, not ready` : state],
  ])
  if (containers.length === 0) return `${head}no container of it runs\n`
  return [head, ...containers.map((each) => containerText(each, style))].join('\n')
}

function containerText(container: ExplainedContainer, style: TableStyle): string {
  const { protection, because, version, alerts, profile } = container
  const fields = textFields([
    ['container', container.container],
    ['image', container.image],
    ['profile', profile ?? 'none'],
    ['a deviation is', `${protection === 'none' ? 'not observed' : protection}: ${because}`],
    ...(version === undefined
      ? []
      : [
          ['because', version.because] as const,
          ['waits for review', `${version.pending} of ${version.behaviours} behaviours`] as const,
          ...blockingFields(version),
        ]),
    ['open alerts', String(alerts.length)],
  ])
  return alerts.length === 0
    ? fields
    : `${fields}${textTable(alertColumns, alerts, style, alertLineBelow)}`
}
