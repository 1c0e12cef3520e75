import type { Command } from 'commander'
import type { FleetHold } from '../../api/hold-views.ts'
import {
  addHoldOptions,
  type HoldOptions,
  releasedText,
} from '../../cli/commands/quarantine-command.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { parseWait } from '../../cli/input/option-values.ts'
import { textFields } from '../../cli/output/text-table.ts'
import { isOver } from '../../core/lifecycle/shared-hold.ts'
import { SnugError } from '../../errors.ts'
import { fleetHolds, newHold } from '../../fleet/fleet-hold.ts'
import type { ImageProfile, ProfileSlice } from '../../fleet/kubernetes/fleet-objects.ts'
import { holding, releasing } from '../../fleet/kubernetes/spec-change.ts'
import { parseDuration } from '../../support/config/duration.ts'
import { pause } from '../../support/pause.ts'
import { eachOf } from '../agent-exec.ts'
import { type ClusterAccess, clusterAccess } from '../cluster-access.ts'
import { FleetClient } from '../fleet-client.ts'
import {
  type HoldTarget,
  imageTarget,
  namedHolds,
  podTarget,
  type MatchedContainer,
  type Reporter,
} from '../hold-target.ts'
import { chosenProfile, isOfNamespace, profilesOf } from '../profile-choice.ts'

const targetHelp = 'a pod, or an image as `kubectl snug images` has it'
const waitHelp = 'how long to wait for the agents; 0: not at all'
const managerHelp = 'author of the decision in the object'
const manager = 'kubectl-snug'
const waitMs = 20_000
const askedMs = 500

interface ClusterOptions {
  readonly fieldManager: string
  readonly wait: number
}

/** A hold of the cluster, with the containers that run now and the nodes that have not reported yet. */
export interface OrderedHoldView extends FleetHold {
  readonly containers: readonly MatchedContainer[]
  readonly silent: readonly string[]
}

export function quarantineCommands(program: Command, context: CliContext): void {
  const quarantine = addHoldOptions(
    program
      .command('quarantine')
      .description(
        'keeps the containers of a pod or an image from acting, on every node, for a limited time. Exits with 1 where not all are held',
      )
      .argument('<target>', targetHelp),
  )
    .option('--wait <time>', waitHelp, parseWait, waitMs)
    .option('--field-manager <name>', managerHelp, manager)
    .action(async (text: string, options: HoldOptions & ClusterOptions, command: Command) => {
      const { reason, level = 'network', for: length = '1h', dryRun, wait } = options
      if (reason === undefined) throw new SnugError('USAGE', 'pass `--reason`')
      const { io } = context
      const access = clusterAccess(command)
      const client = new FleetClient(access, io)
      const target = await targetOf(text, client, access)
      const { profile, pod } = target
      const order = newHold({
        level,
        reason,
        forMs: parseDuration(length) ?? 0,
        ...(pod === undefined ? {} : { pod }),
      })
      const author = options.fieldManager
      const change = holding(order)
      if (dryRun === true) {
        const by = { by: author, at: new Date().toISOString() }
        const planned = change(profile.spec, by) as ImageProfile['spec']
        const view = viewOf({ ...profile, spec: { ...profile.spec, ...planned } }, order.id, target)
        return context.print(view, [view], () => `${holdText(view)}not done\n`)
      }
      const { name } = profile.metadata
      const written = await client.decide({ name, change, author, allowsNothing: true })
      const view = (slices: readonly ProfileSlice[]): OrderedHoldView =>
        viewOf(written, order.id, target, slices)
      const slices = await reported(client, target.reporters, wait, io.signal, (now) =>
        isReported(view(now)),
      )
      const after = view(slices)
      refuseUnavailable(after)
      await context.print(after, [after], () => holdText(after))
      if (wait > 0 && !isHeld(after)) context.exit = 1
    })
  quarantine
    .command('list')
    .description('shows what is held in the cluster, and what the nodes report')
    .action(async (_: object, command: Command) => {
      const access = clusterAccess(command)
      const client = new FleetClient(access, context.io)
      const profiles = await client.profiles()
      const hasHolds = profiles.some(({ spec }) => (spec.holds ?? []).length > 0)
      const slices = hasHolds ? await client.holdSlices() : []
      const holds = listedHolds(profiles, slices, access.namespace, Date.now())
      await context.print(holds, holds, () =>
        holds.length === 0 ? 'nothing is held\n' : holds.map(holdText).join('\n'),
      )
    })
  program
    .command('release')
    .description('ends the quarantine of a pod or an image on every node')
    .argument('<target>', `${targetHelp}, the id of a container, or the id of a quarantine`)
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--wait <time>', waitHelp, parseWait, waitMs)
    .option('--field-manager <name>', managerHelp, manager)
    .action(
      async (
        text: string,
        { reason, wait, fieldManager: author }: ClusterOptions & { readonly reason?: string },
        command: Command,
      ) => {
        const { io } = context
        const access = clusterAccess(command)
        const client = new FleetClient(access, io)
        const found = namedHolds(text, await client.profiles(), access, Date.now())
        for (const { profile, hold } of found) {
          const change = releasing(hold.id, reason)
          await client.decide({ name: profile.metadata.name, change, author, allowsNothing: true })
        }
        const ids = new Set(found.map(({ hold }) => hold.id))
        const isOurs = ({ holds = [] }: ProfileSlice): boolean =>
          holds.some(({ id }) => ids.has(id))
        const held = (await client.holdSlices()).filter(isOurs)
        const left = await reported(client, held, wait, io.signal, (now) => !now.some(isOurs))
        const nodes = [...new Set(left.filter(isOurs).map(({ node }) => node))].sort()
        const rows = found.map(({ profile, hold: { id, level, pod, container } }) => {
          const target = targetText(profile.metadata.name, pod, container)
          return { id, level, target, stillHeld: nodes }
        })
        await context.print(rows, rows, () => {
          const still = nodes.length === 0 ? '' : `not yet ended on ${nodes.join(', ')}\n`
          return `${rows.map(releasedText).join('')}${still}`
        })
        if (wait > 0 && nodes.length > 0) context.exit = 1
      },
    )
}

/** A pod comes before an image of the same name. Errors: POD_UNKNOWN, PROFILE_UNKNOWN, PROFILE_AMBIGUOUS */
async function targetOf(
  text: string,
  client: FleetClient,
  { podNamespace, namespace: given }: ClusterAccess,
): Promise<HoldTarget> {
  const profiles = await client.profiles()
  const [, space = podNamespace, name = ''] = /^(?:([a-z0-9-]+)\/)?([a-z0-9.-]+)$/.exec(text) ?? []
  const isObject = profiles.some(({ metadata }) => metadata.name === text)
  if (name !== '' && !isObject) {
    try {
      return podTarget(await client.pod(space, name), profiles)
    } catch (error) {
      if (!(error instanceof SnugError && error.code === 'POD_UNKNOWN')) throw error
      const isImage = profilesOf(profiles, given).some(
        ({ spec: { image } }) => image.repository === text,
      )
      if (!isImage) throw error
    }
  }
  const profile = chosenProfile(text, profiles, given)
  const [scope] = profile.spec.image.scope?.split('/') ?? []
  const pods = scope === undefined ? await client.allPods() : await client.pods(scope)
  return imageTarget(profile, pods, profiles)
}

/** What the reporters have published, as soon as it is enough, or once the time is over. */
async function reported(
  client: FleetClient,
  reporters: readonly Reporter[],
  withinMs: number,
  signal: AbortSignal,
  isEnough: (slices: readonly ProfileSlice[]) => boolean,
): Promise<readonly ProfileSlice[]> {
  const until = performance.now() + withinMs
  for (;;) {
    const all = await eachOf(reporters, ({ image, node }) => client.slice(image, node))
    const slices = all.filter((slice) => slice !== undefined)
    if (isEnough(slices) || performance.now() >= until || signal.aborted) return slices
    await pause(askedMs, signal)
  }
}

function viewOf(
  { metadata: { name }, spec: { image, holds = [] } }: ImageProfile,
  id: string,
  { containers, reporters }: Pick<HoldTarget, 'containers' | 'reporters'>,
  slices: readonly ProfileSlice[] = [],
): OrderedHoldView {
  const ours = holds.filter((hold) => hold.id === id)
  const [row] = fleetHolds({ name, image, holds: ours }, () => slices, Date.now())
  if (row === undefined) throw new SnugError('HOLD_UNKNOWN', `\`${id}\` was released at once`)
  const have = new Set(row.nodes.map(({ node }) => node))
  const silent = new Set(reporters.map(({ node }) => node).filter((node) => !have.has(node)))
  return { ...row, containers, silent: [...silent].sort() }
}

/** Each node has what it can have. */
export function isReported({ nodes, silent }: OrderedHoldView): boolean {
  return (
    silent.length === 0 &&
    nodes.every(({ containers, held, because }) => held === containers || because !== undefined)
  )
}

export function isHeld({ nodes, silent }: OrderedHoldView): boolean {
  return silent.length === 0 && nodes.every(({ containers, held }) => held === containers)
}

/** Errors: HOLD_UNAVAILABLE where each node reports why it holds nothing. */
export function refuseUnavailable({ id, until, nodes, silent }: OrderedHoldView): void {
  const isRefused = nodes.every(({ held, because }) => held === 0 && because !== undefined)
  if (nodes.length === 0 || silent.length > 0 || !isRefused) return
  const why = nodes.map(({ node, because }) => `${node}: ${because}`).join('; ')
  const left = `the order \`${id}\` stands until ${until}, or \`kubectl snug release ${id}\``
  throw new SnugError('HOLD_UNAVAILABLE', `${why}; ${left}`)
}

/** @param namespace only of its pods and profiles */
export function listedHolds(
  profiles: readonly ImageProfile[],
  slices: readonly ProfileSlice[],
  namespace: string | undefined,
  nowMs: number,
): readonly FleetHold[] {
  return profiles
    .filter(({ spec }) => isOfNamespace(spec.image, namespace))
    .flatMap(({ metadata: { name }, spec: { image, holds = [] } }) =>
      fleetHolds(
        { name, image, holds: holds.filter((hold) => !isOver(hold, nowMs)) },
        () => slices.filter((slice) => isOfVersion(slice, image)),
        nowMs,
      ),
    )
    .filter(
      ({ pod }) => namespace === undefined || pod === undefined || pod.startsWith(`${namespace}/`),
    )
    .sort((a, b) => Date.parse(b.at) - Date.parse(a.at))
}

/** Where a profile is for all scopes, nodes publish for those of single ones. */
function isOfVersion({ image }: ProfileSlice, of: ImageProfile['spec']['image']): boolean {
  const isIts = image.repository === of.repository && image.digest === of.digest
  return isIts && (of.scope === undefined || image.scope === of.scope)
}

function targetText(profile: string, pod?: string, container?: string): string {
  if (container !== undefined) return `container ${container.slice(0, 12)}`
  return pod === undefined ? `image ${profile}` : `pod ${pod}`
}

function holdText(hold: FleetHold & Partial<OrderedHoldView>): string {
  const { id, level, profile, pod, container, by, reason, until, releasedBy, nodes } = hold
  const { containers, silent = [] } = hold
  const progress = [
    ...nodes.map(({ node, containers: of, held, because }) => {
      const why = because === undefined ? '' : `: ${because}`
      return `${node}: ${held} of ${of} held${why}`
    }),
    ...silent.map((node) => `${node}: no report yet`),
  ]
  const matched = containers?.map(
    ({ pod: of, container: name, node }) => `${of}/${name} on ${node}`,
  )
  return textFields([
    ['quarantine', id],
    ['target', targetText(profile, pod, container)],
    ['level', level],
    ['until', until],
    ['by', `${by}: ${reason}`],
    ...(releasedBy === undefined ? [] : [['released by', releasedBy] as const]),
    ...(matched === undefined
      ? []
      : [['containers', matched.length === 0 ? 'none runs now' : matched] as const]),
    ['nodes', progress.length === 0 ? 'none has such a container' : progress],
  ])
}
