import { scopeOf, profileScopes } from '../core/event/image-key.ts'
import { type Blindness, blindnessText } from '../core/sight/blindness.ts'
import { Runtimes } from '../core/sight/runtimes.ts'
import type { ContainerIdentity } from '../agent/pipeline/identity/identity.ts'
import type { ImageProfile } from '../fleet/kubernetes/fleet-objects.ts'
import { viewOf } from '../fleet/kubernetes/pod-containers.ts'
import type { Pod } from '../fleet/kubernetes/pod.ts'
import type { AgentPod } from './fleet-client.ts'

/** What a deviation of a container gets: `learned` has no effect, and `none` is not observed. */
export const protections = ['blocked', 'alerted', 'learned', 'none'] as const
export type Protection = (typeof protections)[number]

export interface ProtectedContainer {
  readonly pod: string
  readonly container: string
  readonly node: string
  readonly image: string
  /** Of the runtime. */
  readonly id: string
  readonly protection: Protection
  readonly because: string
  /** Name of the ImageProfile. */
  readonly profile?: string
}

/** Agents by their nodes. */
export type AgentsByNode = ReadonlyMap<string, AgentPod>

export function agentsByNode(agents: readonly AgentPod[]): AgentsByNode {
  const byNode = new Map<string, AgentPod>()
  // During an update a node has two: the one that is ready counts.
  for (const agent of agents) {
    if (agent.ready || !byNode.has(agent.node)) byNode.set(agent.node, agent)
  }
  return byNode
}

/**
 * The containers of a pod that run, as the profiles of the cluster protect them.
 *
 * @param runtimes by runtime class: the class, and what it stands for
 */
export function protectionOf(
  pod: Pod,
  profiles: readonly ImageProfile[],
  agents: AgentsByNode,
  runtimes: ReadonlyMap<string, readonly string[]>,
): readonly ProtectedContainer[] {
  const { nodeName: node = '', runtimeClassName = '' } = pod.spec
  const blind = table.blindness(runtimes.get(runtimeClassName))
  const view = viewOf(pod)
  return view.containers
    .filter(({ running }) => running)
    .map(({ id, identity }) => {
      const profile = profileOf(identity, profiles)
      const name = (identity.name ?? '').slice(view.name.length + 1)
      return {
        pod: view.name,
        container: name,
        node,
        image: view.asked.get(name)?.image ?? identity.image.repository,
        id,
        ...judged(blind, identity, profile, agents.get(node), node),
        ...(profile === undefined ? {} : { profile: profile.metadata.name }),
      }
    })
}

/** The profile for the container, in whichever scope the agents keep profiles; the narrowest where there are more. */
export function profileOf(
  { image, workload }: Pick<ContainerIdentity, 'image' | 'workload'>,
  profiles: readonly ImageProfile[],
): ImageProfile | undefined {
  const ofImage = profiles.filter(
    ({ spec }) => spec.image.digest === image.digest && spec.image.repository === image.repository,
  )
  return [...profileScopes]
    .reverse()
    .map((by) => scopeOf(by, workload))
    .map((scope) => ofImage.find(({ spec }) => spec.image.scope === scope))
    .find((profile) => profile !== undefined)
}

/** By the table alone: the agents have their own configuration. */
const table = new Runtimes({ ownKernel: [], hostKernel: [] })

type Judged = Pick<ProtectedContainer, 'protection' | 'because'>

function judged(
  blind: Blindness | undefined,
  { role }: Pick<ContainerIdentity, 'role'>,
  profile: ImageProfile | undefined,
  agent: AgentPod | undefined,
  node: string,
): Judged {
  if (agent === undefined) return none(`no agent on the node ${node}`)
  if (!agent.ready) return none(`the agent ${agent.name} is not ready`)
  if (blind?.why === 'own-kernel') return none(`it is blind: ${blindnessText(blind)}`)
  if (role === 'ephemeral')
    return { protection: 'alerted', because: 'an ephemeral container is never blocked' }
  if (profile?.status === undefined) return none('no agent has published a profile of its image')
  const { mode, state } = profile.status
  const wanted = profile.spec.mode?.value
  const waits = wanted === undefined || wanted === mode ? '' : `; \`${wanted}\` is decided`
  const because = `state ${state}, mode ${mode}${waits}`
  return { protection: protectionBy[mode] ?? 'none', because }
}

const protectionBy: Readonly<Record<string, Protection>> = {
  block: 'blocked',
  alert: 'alerted',
  learn: 'learned',
}

function none(because: string): Judged {
  return { protection: 'none', because }
}
