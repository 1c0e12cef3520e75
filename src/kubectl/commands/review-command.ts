import type { Command } from 'commander'
import { SnugError } from '../../errors.ts'
import { imageKey } from '../../core/event/image-key.ts'
import type { BehaviourView, ProfileView } from '../../api/profile-views.ts'
import type { ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { paint } from '../../cli/output/terminal-text.ts'
import { type Column, type TableStyle, textTable } from '../../cli/output/text-table.ts'
import { userText } from '../../core/behaviour/user.ts'
import { askAgent } from '../agent-exec.ts'
import { type ClusterAccess, clusterAccess } from '../cluster-access.ts'
import { type AgentPod, FleetClient } from '../fleet-client.ts'
import { chosenProfile, profilesOf } from '../profile-choice.ts'
import { safeText } from '../../support/safe-text.ts'

/** What waits for a decision in one profile. */
export interface ProfileReview {
  readonly profile: string
  readonly image: ImageProfile['spec']['image']
  /** The node whose agent was asked. */
  readonly node: string
  readonly state: string
  readonly because: string
  readonly behaviours: readonly BehaviourView[]
}

const waiting: readonly string[] = ['pending', 'quarantined']

const columns: readonly Column<BehaviourView>[] = [
  // Whole: an approval in the cluster needs all of it.
  { head: 'ID', value: ({ id }) => id },
  {
    head: 'STATE',
    value: ({ state }) => state,
    colour: ({ state }) => (state === 'quarantined' ? 'red' : undefined),
  },
  { head: 'COUNT', value: ({ count }) => count, right: true },
  { head: 'NODES', value: ({ nodes }) => nodes.length, right: true },
]

export function reviewCommand(program: Command, context: CliContext): void {
  program
    .command('review')
    .description('lists the behaviours that wait for a decision, with their ids')
    .argument('[profile]', 'only this profile: its name, or its image')
    .action(async (ref: string | undefined, _: object, command: Command) => {
      const { io } = context
      const access = clusterAccess(command)
      const client = new FleetClient(access, io)
      const all = await client.profiles()
      const profiles =
        ref === undefined
          ? profilesOf(all, access.namespace).filter(isWaiting)
          : [chosenProfile(ref, all, access.namespace)]
      const reviews: ProfileReview[] = []
      const known = profiles.length === 0 ? [] : await client.publishers()
      const agents = profiles.length === 0 ? [] : await client.agents()
      for (const profile of profiles) {
        const nodes = new Set(
          known.flatMap(({ profile: uid, node }) => (uid === profile.metadata.uid ? [node] : [])),
        )
        reviews.push(await reviewOf(access, profile, candidates(agents, nodes), io.signal))
      }
      await context.print(reviews, reviews, () => reviewText(reviews, io))
    })
}

/** For a decision on behaviours, or on the whole version. */
function isWaiting({ status }: ImageProfile): boolean {
  return (status?.pending ?? 0) > 0 || status?.state === wholeVersion
}

const wholeVersion = 'review'

/** Those to ask: first the nodes that publish something for the profile, which therefore have it. */
export function candidates(
  agents: readonly AgentPod[],
  publishers: ReadonlySet<string>,
): readonly AgentPod[] {
  const ready = agents.filter((agent) => agent.ready)
  const first = ready.filter(({ node }) => publishers.has(node))
  return [...first, ...ready.filter((agent) => !first.includes(agent))]
}

async function reviewOf(
  access: ClusterAccess,
  { metadata, spec: { image } }: ImageProfile,
  agents: readonly AgentPod[],
  signal: AbortSignal,
): Promise<ProfileReview> {
  let last: unknown
  for (const agent of agents) {
    try {
      const args = ['profile', 'show', imageKey(image)]
      const view = await askAgent<ProfileView>(access, agent, args, signal)
      return {
        profile: metadata.name,
        image,
        node: agent.node,
        state: view.version.state,
        because: view.version.because,
        behaviours: view.behaviours.filter(({ state }) => waiting.includes(state)),
      }
    } catch (error) {
      // Another node may have the image, or an agent that answers.
      const passes = error instanceof SnugError && passing.includes(error.code)
      if (!passes) throw error
      last = error
    }
  }
  throw last ?? new SnugError('AGENT_POD_MISSING', 'no agent in this cluster is ready')
}

const passing: readonly string[] = ['IMAGE_UNKNOWN', 'AGENT_POD_FAILED', 'AGENT_UNREACHABLE']

export function reviewText(reviews: readonly ProfileReview[], style: TableStyle): string {
  const waits = reviews.filter(
    ({ behaviours, state }) => behaviours.length > 0 || state === wholeVersion,
  )
  if (waits.length === 0) return 'nothing waits for a decision\n'
  return waits
    .map(({ profile, image, because, behaviours }) => {
      const title = safeText(`${imageKey(image)}: ${because}`)
      const isWhole = behaviours.length === 0
      const table = isWhole ? '' : textTable(columns, behaviours, style, behaviourLine)
      const what = isWhole ? '--all' : '--behaviour ID…'
      const command = `  kubectl snug approve ${profile} ${what}\n`
      return `${paint(title, style.colour ? 'bold' : undefined)}\n${table}${command}`
    })
    .join('\n')
}

function behaviourLine({ actor, uid, text, guardrails }: BehaviourView): string {
  const who = `${actor.script ?? actor.exe} (${userText(uid)})`
  return `${who}: ${text}${guardrails.length === 0 ? '' : ` [${guardrails.join(', ')}]`}`
}
