import { setTimeout as delay } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import type { SourceView, StatusView } from '../../api/status-views.ts'
import { type StopHow, stopHows } from '../../api/terms.ts'
import { SnugError } from '../../errors.ts'
import type { CliContext } from '../cli-context.ts'
import { parseWait } from '../input/option-values.ts'
import { textFields } from '../output/text-table.ts'
import { lossLines } from '../output/view-text.ts'

const pollMs = 200
const waitMs = 30_000

export function statusCommand(program: Command, context: CliContext): void {
  program
    .command('status')
    .description(
      'shows the agent, sources, losses, hooks, containers and versions by state; exits with 1 if a source observes nothing yet, or nothing any more',
    )
    .addOption(
      new Option(
        '--wait [duration]',
        'waits for the agent and its sources, by default 30s; a number is seconds',
      )
        .argParser(parseWait)
        .preset(waitMs),
    )
    .action(async ({ wait = 0 }: { wait?: number }) => {
      const status = await observing(context, Date.now() + wait)
      await context.print(status, [status], () => statusText(status))
      // A restart would not mend other faults, so a probe must not trigger one.
      if (!observes(status)) context.exit = 1
    })
}

/** The status once every source observes, or the last one before the deadline (epoch ms). */
async function observing(context: CliContext, deadline: number): Promise<StatusView> {
  const { signal } = context.io
  const isOver = (): boolean => signal.aborted || Date.now() >= deadline
  for (;;) {
    const status = await statusOf(context, isOver)
    if (status !== undefined && (observes(status) || isOver())) return status
    await delay(pollMs, undefined, { signal }).catch(() => undefined)
  }
}

/** Undefined where no agent answers and there is still time. */
async function statusOf(
  context: CliContext,
  isOver: () => boolean,
): Promise<StatusView | undefined> {
  try {
    return await context.client.get<StatusView>('/v1/status')
  } catch (error) {
    const isAway = error instanceof SnugError && error.code === 'AGENT_UNREACHABLE'
    if (!isAway || isOver()) throw error
    return undefined
  }
}

/** Whether each source observes, or has ended as it should: a file that was read to its end. */
function observes({ state, sources }: StatusView): boolean {
  const works = sources.every(
    (source) => source.reason === undefined && source.state !== 'starting',
  )
  return works && state !== 'starting'
}

function statusText(status: StatusView): string {
  const { containers, alerts } = status
  const fields: [string, string | string[]][] = [
    ['agent', [agentLine(status), ...status.degraded.map((why) => `degraded: ${why}`)]],
    ...status.sources.map((source): [string, string[]] => ['source', sourceLines(source)]),
    ...status.engines.map(({ name, state, reason }): [string, string] => [
      'engine',
      `${name}: ${state}${reason === undefined ? '' : ` (${reason})`}`,
    ]),
    [
      'watched',
      `${containers.watched} containers${unitsText(containers)}, ${containers.unresolved} not yet resolved, ${containers.before} ran before the agent${blindCount(containers)}`,
    ],
    [
      'versions',
      Object.entries(status.versions)
        .map(([state, count]) => `${count} ${state}`)
        .join(', '),
    ],
    ...blockingLines(status),
    ['page', pageLine(status)],
    ['alerts', `${alerts.open} open of ${alerts.total}`],
    ['losses', lossLines(status.losses)],
    ...crossLines(status),
  ]
  return textFields(fields)
}

/** Only where units are watched. */
function unitsText({ units }: StatusView['containers']): string {
  return units === 0 ? '' : ` (${units} of them systemd units)`
}

/** Only where there are some. */
function blindCount({ blind }: StatusView['containers']): string {
  return blind === 0 ? '' : `, ${blind} blind: see \`snug image list\``
}

/** Only where there are two sources. */
function crossLines({ crossChecks }: StatusView): [string, string[]][] {
  if (crossChecks.length === 0) return []
  return [['cross-check', crossChecks.map(({ sentence }) => sentence)]]
}

function blockingLines({
  stops,
  selfProbe,
  enforcementGap,
  kernelProfiles,
}: StatusView): [string, string | string[]][] {
  if (stops.length === 0) return []
  const of = (how: StopHow): string[] => {
    const acts = stops.flatMap((stop) => (stop.how === how ? [stop.act] : []))
    return acts.length === 0
      ? []
      : [`${how === 'alerted' ? 'alerted only' : how}: ${acts.join(', ')}`]
  }
  const probe =
    selfProbe === undefined
      ? []
      : [
          `self-test: ${selfProbe.ok ? 'blocks as expected' : `FAILED: ${selfProbe.missed.join(', ')}`} (${selfProbe.time}, ${selfProbe.failures} of ${selfProbe.runs} failed)`,
        ]
  const gap =
    enforcementGap === undefined
      ? []
      : [
          `longest gap today: ${Math.round(enforcementGap.milliseconds)} ms until ${enforcementGap.container.slice(0, 12)} of ${enforcementGap.image} was blocked (${enforcementGap.time})`,
        ]
  return [
    ['can stop', [...stopHows.flatMap(of), ...probe, ...gap]],
    ['in the kernel', kernelLine(kernelProfiles)],
  ]
}

/** The state that the kernel has confirmed. */
function kernelLine(counts: StatusView['kernelProfiles']): string {
  const { installed, blocking, sent, evicted, failed } = counts
  const others = [
    ...(sent === 0 ? [] : [`${sent} not confirmed yet`]),
    ...(evicted === 0 ? [] : [`${evicted} wait for their next container`]),
    ...(failed === 0 ? [] : [`${failed} FAILED: their versions only alert`]),
  ]
  return [`${installed} profiles confirmed, ${blocking} of them block`, ...others].join('; ')
}

function pageLine({ gateway, degraded }: StatusView): string {
  if (gateway === undefined) {
    const isDown = degraded.some((why) => why.startsWith('front: '))
    return isDown ? 'not served: see above' : 'not served: `listen` is `none`'
  }
  const { url, uid, pid, capabilities, noNewPrivileges } = gateway
  const rights = [
    `uid ${uid}`,
    capabilities === 'none' ? 'no capabilities' : `capabilities ${capabilities}`,
    ...(noNewPrivileges ? ['no new privileges'] : []),
  ]
  return `${url} (pid ${pid}: ${rights.join(', ')}); \`snug ui\` signs you in`
}

function agentLine({ state, startedAt, pid, version, node }: StatusView): string {
  return `${state} on ${node} since ${startedAt}, version ${version}, pid ${pid}`
}

function sourceLines({ name, state, reason, received, lost, facts }: SourceView): string[] {
  const lostText = Object.entries(lost)
    .filter(([, count]) => count > 0)
    .map(([why, count]) => `${why} ${count}`)
  return [
    `${name}: ${state}${reason === undefined ? '' : ` (${reason})`}`,
    `  ${received} received, lost: ${lostText.length === 0 ? 'none known' : lostText.join(', ')}`,
    ...Object.entries(facts).map(([fact, value]) => `  ${fact}: ${value}`),
  ]
}
