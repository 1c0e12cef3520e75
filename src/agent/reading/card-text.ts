import { type BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { actorText, doesLine, objectLine, objectText } from '../../core/behaviour/describe.ts'
import { userText } from '../../core/behaviour/user.ts'
import { type Cause, causeOf } from '../../core/match/cause.ts'
import { causeLine, componentActs } from '../../core/match/cause-text.ts'
import { commonFolder } from '../../core/match/place-class.ts'
import { proposedPlace } from '../records/alerts/cause-fold.ts'
import type { ReviewGroup } from './review-groups.ts'
import { sessionOf, type Waiting } from './waiting.ts'

export interface CardTitle {
  readonly actor: string
  readonly user: string
  /** Follows the actor: `writes 11 files in /var/lib/app/tickets/`. */
  readonly text: string
  readonly proposed?: string
}

/**
 * `entries`: the different behaviours of the group, in order of time, each in one of its versions. `isBrought`: the image
 * of the version brings the program that is started, and that before lacks it.
 */
export function titleOf(
  group: ReviewGroup,
  entries: readonly Waiting[],
  isBrought: (start: Waiting) => boolean,
): CardTitle {
  const [first] = entries
  if (first === undefined) return { actor: '', user: '', text: '' }
  if (entries.length === 1) return { ...whoOf(entries), text: doesLine(objectLine(first.object)) }
  switch (group.grouping) {
    case 'session':
      return { ...whoOf(entries), ...sessionTitle(group, entries) }
    case 'program':
      return programTitle(group, entries, isBrought)
    case 'cause':
      return { ...whoOf(entries), ...causeTitle(causeOf(first), entries) }
  }
}

function whoOf(entries: readonly Waiting[]): Pick<CardTitle, 'actor' | 'user'> {
  const users = [...new Set(entries.map(({ uid }) => userText(uid)))]
  const [first] = entries
  return { actor: first === undefined ? '' : actorText(first.actor), user: users.join(', ') }
}

function sessionTitle({ members }: ReviewGroup, entries: readonly Waiting[]) {
  const [member] = members
  if (member === undefined) return { actor: '', text: '' }
  const { container, session } = sessionOf(member)
  const name = member.version.runs.get(container)?.name ?? container.slice(0, 12)
  return {
    actor: `exec session ${session.slice(0, 12)}`,
    text: `shows ${behaviours(entries.length)} in container ${name}`,
  }
}

function programTitle(
  { isNew }: ReviewGroup,
  entries: readonly Waiting[],
  isBrought: (start: Waiting) => boolean,
): CardTitle {
  const start = entries.find(({ actor, object }) => object.kind === 'exec' && !isNew(actor))
  if (start === undefined) {
    const text = `shows ${behaviours(entries.length)}, with its programs`
    return { ...whoOf(entries), text }
  }
  if (start.object.kind === 'exec' && isBrought(start)) {
    const { path, script = path } = start.object
    const does = entries.filter((entry) => entry !== start)
    const acts = componentActs(does.map(causeOf))
    return {
      actor: script,
      user: whoOf(does).user,
      text: acts === '' ? 'new in this version' : `new in this version: ${acts}`,
    }
  }
  const more = entries.length - 1
  const follow = more === 1 ? 'follows' : 'follow'
  const text = `${doesLine(objectLine(start.object))}, and ${number(more)} more ${more === 1 ? 'behaviour' : 'behaviours'} ${follow}`
  return { ...whoOf([start]), text }
}

function causeTitle(
  cause: Cause,
  entries: readonly Waiting[],
): Pick<CardTitle, 'text' | 'proposed'> {
  const objects = entries.map(({ object }) => object)
  const paths = new Set(objects.map(subjectOf))
  const accesses = [...new Set(objects.map(accessOf))].sort()
  const [access = ''] = accesses
  const [path = ''] = paths
  if (access !== '' && paths.size === 1) {
    return { text: `${accesses.map(doesLine).join(', ')} ${path}` }
  }
  const places = new Set(entries.map((entry) => causeOf(entry).place))
  if (places.size > 1) {
    const place = [...places].reduce((a, b) => commonFolder(a, b))
    return { text: lineOf({ ...cause, place, names: paths.size, wide: true }, accesses) }
  }
  const proposed = proposedPlace(cause, objects.map(objectText))
  return {
    text: lineOf({ ...cause, names: paths.size }, accesses),
    ...(proposed === undefined ? {} : { proposed }),
  }
}

/** Alerts join all that changes files: where it is one access, the card names it. */
function lineOf(cause: Parameters<typeof causeLine>[0], accesses: readonly string[]): string {
  const [access = '', ...others] = accesses
  const isPlain = cause.access === 'change' && others.length === 0 && access !== ''
  const line = causeLine(cause)
  return doesLine(isPlain ? line.replace(/^change/, access) : line)
}

/** Of a rename its new name. */
function subjectOf(object: BehaviourObject): string {
  const text = objectText(object)
  return object.kind === 'file' && object.to !== undefined
    ? text.slice(text.indexOf(' → ') + 3)
    : text
}

function accessOf(object: BehaviourObject): string {
  return object.kind === 'file' && object.access !== 'exec' ? object.access : ''
}

function behaviours(count: number): string {
  return `${number(count)} behaviours`
}

function number(count: number): string {
  return count.toLocaleString('en')
}
