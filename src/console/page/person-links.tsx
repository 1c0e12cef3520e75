import type { AlertSession, SessionPerson } from '../../core/person/session-person.ts'
import { link } from '../../page/base/route.ts'
import { Foreign } from '../../page/parts/foreign.tsx'

/** Facts of an incident: who began its sessions, each with the way to what else they did. */
export function PersonLinks({ names }: { readonly names: readonly string[] }) {
  if (names.length === 0) return null
  return (
    <>
      <dt>sessions by</dt>
      <dd>
        {names.map((name) => (
          <p key={name}>
            <a href={link('persons', name)}>
              <Foreign text={name} />
            </a>
          </p>
        ))}
      </dd>
    </>
  )
}

/** Facts of an alert: who began its sessions and how sure that is, or why nobody is named. */
export function SessionLinks({ sessions = [] }: { sessions: readonly AlertSession[] | undefined }) {
  if (sessions.length === 0) return null
  const persons = new Map(sessions.map(({ person }) => [textOf(person), person]))
  return (
    <>
      <dt>session by</dt>
      <dd>
        {[...persons].map(([text, person]) => (
          <p key={text}>
            {person.certainty === 'unknown' ? (
              <Foreign text={text} words />
            ) : (
              <a href={link('persons', person.name)}>
                <Foreign text={text} words />
              </a>
            )}
          </p>
        ))}
      </dd>
    </>
  )
}

function textOf(person: SessionPerson): string {
  if (person.certainty === 'unknown') return `unknown: ${person.why}`
  const { name, as, from, certainty } = person
  const other = as === undefined ? '' : ` as ${as}`
  return `${name}${other}${from === undefined ? '' : ` from ${from}`} (${certainty})`
}
