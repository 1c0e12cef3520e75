import type { View } from '../view.ts'
import type { alertSession, person } from '../event/alert-schema.ts'
import type { UnknownWhy } from './certainty.ts'

/** Who began a session. Nobody is named unless all requests that fit are of one person. */
export type SessionPerson = View<typeof person>
export type NamedPerson = Exclude<SessionPerson, { readonly certainty: 'unknown' }>
/** A person as the API server authenticated them. */
export type Person = Omit<NamedPerson, 'certainty' | 'candidates'>
/** A session whose events are in an alert. */
export type AlertSession = View<typeof alertSession>

export const sessionsOfAlert = 16

/** Names a session among all of a node. */
export function sessionKey(container: string, session: string): string {
  return `${container}/${session}`
}

export function unknown(why: UnknownWhy, candidates = 0): SessionPerson {
  return { certainty: 'unknown', why, candidates }
}

/** The person, where one is named. */
export function named(person: SessionPerson): (NamedPerson & SessionPerson) | undefined {
  return person.certainty === 'unknown' ? undefined : person
}

/** Names of those who began these sessions, as far as that is known. */
export function personNames(sessions: readonly AlertSession[] | undefined): readonly string[] {
  return [...new Set(sessions?.flatMap(({ person }) => named(person)?.name ?? []))].sort()
}

/** The one person of all these sessions; undefined where several are named, or one has nobody, or not all are there. */
export function onlyPerson(sessions: readonly AlertSession[] = []): NamedPerson | undefined {
  if (sessions.length >= sessionsOfAlert) return undefined
  const [first, ...others] = sessions.map(({ person }) => named(person))
  const isOne = others.every(
    (other) =>
      other?.name === first?.name && other?.as === first?.as && other?.from === first?.from,
  )
  return isOne ? first : undefined
}

const whyTexts: Readonly<Record<string, string>> = {
  'no-source': 'nothing that Snug reads has the user',
  waiting: 'waits for the audit log',
  'began-unseen': 'the session began before the agent saw it',
  'no-request': 'the audit log has no request that fits',
  'several-persons': 'requests of several persons fit',
  'more-sessions': 'more sessions than requests fit',
} satisfies Record<UnknownWhy, string>

/** Why nobody is named, for people. One that only a later version has is shown as it is. */
export function whyText(why: string): string {
  return whyTexts[why] ?? why
}

/** Each of them once, for people. */
export function personTexts(sessions: readonly AlertSession[] = []): readonly string[] {
  return [...new Set(sessions.map(({ person }) => personText(person)))]
}

/** Who it is, for people: `alice from 10.1.2.3 (certain)`. */
export function personText(person: SessionPerson): string {
  if (person.certainty === 'unknown') return `unknown: ${whyText(person.why)}`
  const { name, as, from, certainty } = person
  const other = as === undefined ? '' : ` as ${as}`
  return `${name}${other}${from === undefined ? '' : ` from ${from}`} (${certainty})`
}
