import { lineageName } from '../../core/event/image-key.ts'
import { endpointText } from '../../core/behaviour/address-block.ts'
import { causeLine } from '../../core/match/cause-text.ts'
import type { Alert } from '../../core/event/alert.ts'
import type { ImageRef, LossSpan, SnugEvent } from '../../core/event/event.ts'
import type { BlockingView, ContainerView, VersionView } from '../../api/version-views.ts'

/** The class of a version, as far as a person decided on one. */
export function classFields({
  open,
  evidence,
}: VersionView): readonly (readonly [string, string | readonly string[]])[] {
  const { folders, openProposal } = evidence ?? {}
  if (open === undefined) return openProposal === undefined ? [] : [['class', openProposal]]
  const { by, at, reason } = open
  const why = reason === undefined ? '' : `: ${reason}`
  return [
    ['class', `open, by ${by} at ${at}${why}`],
    ...(folders === undefined
      ? []
      : [
          ['programs below', listed(folders.programs)] as const,
          ['work below', listed(folders.work)] as const,
        ]),
  ]
}

function listed(folders: readonly string[]): string | readonly string[] {
  return folders.length === 0 ? 'no folder' : folders
}

/** `repository:tag`, or `repository@sha256:` and twelve digits: short, and good as an IMAGE. */
export function imageText(image: ImageRef | undefined): string {
  if (image === undefined) return '-'
  const { tag, digest } = image
  const name = lineageName(image)
  return tag === undefined ? `${name}@${shortDigest(digest)}` : `${name}:${tag}`
}

export function shortDigest(digest: string): string {
  return digest.slice(0, 'sha256:'.length + 12)
}

export function versionState({ state, mode, because }: VersionView): string {
  return `${state}, mode ${mode}: ${because}`
}

export function lossLines(losses: readonly LossSpan[]): string[] {
  if (losses.length === 0) return ['none known']
  return losses.map(({ reason, count, from, to }) => `${reason}: ${count} from ${from} to ${to}`)
}

/** The state of blocking, and the notes on the version; empty where there are none. */
export function blockingFields({
  blocking,
  pending,
  notes,
}: VersionView): readonly (readonly [string, string | readonly string[]])[] {
  const shown = notes.length === 0 ? [] : [['note', notes] as const]
  if (blocking === undefined) return shown
  return [['blocking', [...blockingLines(blocking), ...waitingLines(pending)]], ...shown]
}

/** Nobody allowed them: a person who blocks should know. */
function waitingLines(pending: number): readonly string[] {
  if (pending === 0) return []
  const what = pending === 1 ? '1 behaviour waits' : `${pending} behaviours wait`
  return [`${what} for a decision: blocking stops what nobody allowed (snug review)`]
}

function blockingLines(blocking: BlockingView): readonly string[] {
  const { armed, since, disarmedAt, disarmed, canary, breakGlass, containers, kernel } = blocking
  const enforced = containers.filter((container) => container.enforced)
  const nameOf = ({ id, name }: ContainerView): string => name ?? id.slice(0, 12)
  const names = enforced.map(nameOf)
  const blind = containers.flatMap((container) =>
    container.blind === undefined
      ? []
      : [`not in force in ${nameOf(container)}, which is blind: ${container.blind}`],
  )
  return [
    `${armed ? 'armed' : 'off'}, since ${since}`,
    ...kernelLines(kernel),
    ...(disarmedAt === undefined
      ? []
      : [`disarmed itself for ${disarmed?.join(', ') ?? 'all kinds'} at ${disarmedAt}`]),
    ...(breakGlass === undefined
      ? []
      : [`off until ${breakGlass.until} by ${breakGlass.by}: ${breakGlass.reason}`]),
    ...(canary === undefined
      ? []
      : [`canary: ${percent(canary.fraction)} of its containers until ${canary.until}`]),
    `${enforced.length} of ${containers.length} running containers: ${names.join(', ') || 'none'}`,
    ...blind,
  ]
}

/** Nothing where the kernel has confirmed the profile. */
function kernelLines({ profile }: BlockingView['kernel']): readonly string[] {
  switch (profile) {
    case 'installed':
      return []
    case 'sent':
    case 'none':
      return ['the kernel has not confirmed the profile yet']
    case 'evicted':
      return ['the kernel has no profile of it until a container of it starts']
    case 'failed':
      return ['the kernel does not have the profile: deviations are not blocked']
  }
}

/** At most so many percent, never rounded down to a promise. */
export function percent(share: number): string {
  const value = share * 100
  return value > 0 && value < 0.1 ? '<0.1 %' : `${Number(value.toFixed(1))} %`
}

/** The content of an event, as text. */
export function eventText(event: SnugEvent): string {
  switch (event.kind) {
    case 'exec':
      return `run ${event.exec.script ?? event.exec.path}${event.exec.drift ? ' (drift)' : ''}`
    case 'file': {
      const { access, path, to } = event.file
      return `${access.join(', ')} ${path}${to === undefined ? '' : ` to ${to}`}`
    }
    case 'connect':
      return `connect ${peerText(event.connect)}`
    case 'listen':
      return `listen ${peerText(event.listen)}`
    case 'identity':
      return `become uid ${event.identity.to.uid} from ${event.identity.from.uid}`
    case 'capability':
      return `use ${event.capability.name}`
    case 'syscall':
      return `call ${event.syscall.name}${event.syscall.target ? ` on ${event.syscall.target}` : ''}`
    case 'loss':
      return `lost ${event.loss.count} (${event.loss.reason})`
  }
}

function peerText(peer: { protocol: string; address: string; port: number }): string {
  return `${peer.protocol} ${endpointText(peer.address, peer.port)}`
}

export function alertText({ behaviour, cause, event, type, reasons }: Alert): string {
  // No event of a process: blocking reports on itself.
  if (type === 'enforcement' && event.kind === 'loss') return reasons[0] ?? event.loss.reason
  if (cause !== undefined && cause.names > 1) return causeLine(cause)
  return behaviour?.text ?? eventText(event)
}
