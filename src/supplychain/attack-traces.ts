import type { AttackTrace } from '../support/config/load-attacks.ts'
import type { ActEvent } from '../core/event/event.ts'
import type { Micros } from '../core/event/time.ts'
import { type Actor, behavioursOf, runtime } from '../core/behaviour/behaviour.ts'
import { actorText } from '../core/behaviour/describe.ts'
import type { Profile } from '../core/profile/profile.ts'
import { idsOf, type User } from '../core/behaviour/user.ts'

/** An attack that a profile would expect of one of its actors. */
export interface ExpectedAttack {
  readonly name: string
  readonly attack: readonly string[]
  readonly actor: string
  readonly uid: User
}

/** Who is tried in the place of the recorded service, at most. */
const actorsTried = 500

/**
 * Tries each trace with each actor of the profile: its executable and uid replace those of the recorded service.
 * Returns the attacks of which every event is expected.
 */
export function expectedAttacks(
  profile: Profile,
  traces: readonly AttackTrace[],
  now: Micros,
): readonly ExpectedAttack[] {
  // Of a trace in which the service is not the actor every recast is the same.
  const found = new Map<string, ExpectedAttack>()
  for (const { actor, uid } of actorsOf(profile)) {
    for (const trace of traces) {
      const events = trace.events.map((event) => recast(event, trace, actor, uid))
      if (events.length === 0 || !events.every((event) => isExpected(profile, event, now))) continue
      const { name, attack } = trace
      const reported = { name, attack, ...whoOf(events, profile) }
      found.set(`${name}\u0000${reported.actor}\u0000${reported.uid}`, reported)
    }
  }
  return [...found.values()]
}

/** The actor of their first event. */
function whoOf(
  events: readonly ActEvent[],
  profile: Profile,
): Pick<ExpectedAttack, 'actor' | 'uid'> {
  const [ref] = events.flatMap((event) => behavioursOf(event, profile.shaper))
  return ref === undefined ? { actor: '', uid: 0 } : { actor: actorText(ref.actor), uid: ref.uid }
}

function isExpected(profile: Profile, event: ActEvent, now: Micros): boolean {
  return behavioursOf(event, profile.shaper).every((ref) => profile.isExpected(ref, now))
}

function actorsOf(profile: Profile): readonly { readonly actor: Actor; readonly uid: User }[] {
  const actors = new Map<string, { actor: Actor; uid: User }>()
  for (const { actor, uid } of profile.all()) {
    if (actor.exe === runtime.exe) continue
    actors.set(`${actor.exe}\u0000${actor.script ?? ''}\u0000${uid}`, { actor, uid })
    if (actors.size >= actorsTried) break
  }
  return [...actors.values()]
}

function recast(event: ActEvent, trace: AttackTrace, actor: Actor, user: User): ActEvent {
  const { process } = event
  const { script: _, ...rest } = process
  const isService = process.exe === trace.service
  const parent = process.parent === trace.service ? { parent: actor.exe } : {}
  const recastProcess = {
    ...(isService ? rest : process),
    ...(isService ? actor : {}),
    ...parent,
    ...(process.uid === trace.uid ? idsOf(user) : {}),
  }
  return { ...event, process: recastProcess }
}
