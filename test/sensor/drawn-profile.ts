import fc from 'fast-check'
import type { ActEvent } from '../../src/core/event/event.ts'
import { behaviourId, behaviourKey, behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { wildcardOf } from '../../src/core/behaviour/peer.ts'
import { drawnOf, rangeText } from '../../src/core/behaviour/ports.ts'
import { userOf } from '../../src/core/behaviour/user.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { Grant, ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { shaper } from '../fixtures/event-fixture.ts'

/** Whether an event is learned, and what a person decides on it. */
interface Choice {
  readonly learned: boolean
  readonly word: 'none' | 'approved' | 'rejected'
}

export const choice: fc.Arbitrary<Choice> = fc.record({
  learned: fc.nat(2).map((n) => n > 0),
  word: fc.constantFrom('none', 'none', 'none', 'none', 'approved', 'rejected'),
})

/** An operator's decision on a block of addresses around one that was seen. */
function blockOf(event: ActEvent & { kind: 'connect' }, word: Choice['word']): ProfileEntry {
  const { address, port, protocol } = event.connect
  const six = address.includes(':')
  const size = port % 2 === 0 ? (six ? 64 : 16) : six ? 128 : 31
  const base = six ? address : `127.${port % 3 === 0 ? 1 : 0}.0.2`
  const peer = `${six ? base : size === 16 ? base.replace('0.2', '0.0') : base}/${size}`
  const object = { kind: 'connect', protocol, peer: size === 64 ? '::/64' : peer, port } as const
  const { exe } = event.process
  const { origin } = event.process
  const uid = userOf(event.process)
  const kind = word === 'rejected' ? 'rejected' : 'approved'
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(behaviourKey({ exe }, uid, object)),
    actor: { exe },
    uid,
    object,
    cells: [],
    decision: { kind, by: 'test', at: '2026-11-24T00:00:00Z', grants: [{ origin }] },
  }
}

/** Ports around one that was seen, at that peer or address: inherited, or decided on. */
function rangeAround(event: ActEvent, word: Choice['word']): readonly ProfileEntry[] {
  return behavioursOf(event, shaper).flatMap(({ object, actor, uid, origin }) => {
    const drawn = drawnOf(object)
    if (drawn === undefined || !('port' in object)) return []
    const range = { first: object.port - 2, last: object.port + (object.port % 3) }
    const grants = [{ origin, witnesses: { literals: [rangeText(range)], places: [] } }]
    return placeEntry({ actor, uid, object: drawn }, grants, word)
  })
}

/** All names with one label before the domain of one that DNS gave. */
function wildcardAround(event: ActEvent, word: Choice['word']): readonly ProfileEntry[] {
  return behavioursOf(event, shaper).flatMap(({ object, actor, uid, origin }) => {
    const wildcard = wildcardOf(object)
    return wildcard === undefined
      ? []
      : [placeEntry({ actor, uid, object: wildcard }, [{ origin }], word)]
  })
}

/** Inherited, or decided on. */
function placeEntry(
  { actor, uid, object }: Pick<ProfileEntry, 'actor' | 'uid' | 'object'>,
  grants: readonly Grant[],
  word: Choice['word'],
): ProfileEntry {
  return {
    schema: 'snug.behaviour/v1' as const,
    id: behaviourId(behaviourKey(actor, uid, object)),
    actor,
    uid,
    object,
    cells: [],
    ...(word === 'none'
      ? { inherited: { from: 'sha256:a', grants } }
      : { decision: { kind: word, by: 'test', at: '2026-11-24T00:00:00Z', grants } }),
  }
}

/** The creation and the rename were learned; the deletion was not. */
function ofReplacing(event: ActEvent): Choice | undefined {
  if (event.kind !== 'file' || !event.file.path.startsWith('/opt/init')) return undefined
  return { learned: !event.file.access.includes('delete'), word: 'none' }
}

/** Answers of a container itself count where its profile expects the resolver. */
function ofResolver(event: ActEvent): Choice | undefined {
  const isResolver = event.kind === 'listen' && event.listen.port === 53
  return isResolver ? { learned: true, word: 'none' } : undefined
}

/** A profile of these events. Each has the choice at its place, and some have ranges, blocks or wildcards around them. */
export function profileOf(events: readonly ActEvent[], choices: readonly Choice[]): Profile {
  const profile = new Profile(shaper)
  for (const [i, event] of events.entries()) {
    const { learned, word } =
      ofReplacing(event) ?? ofResolver(event) ?? (choices[i % choices.length] as Choice)
    const refs = behavioursOf(event, shaper)
    const phase = learned ? 'learned' : 'later'
    if (learned || word !== 'none') profile.observe(event, refs, { phase })
    if (event.kind === 'connect' && i % 4 === 0) profile.merge([blockOf(event, word)])
    if (i % 4 === 1) profile.merge(rangeAround(event, word))
    if (i % 4 > 1) profile.merge(wildcardAround(event, word))
    if (word === 'none') continue
    for (const ref of refs) {
      const decision = { kind: word, by: 'test', at: '2026-11-24T00:00:00Z' } as const
      if (profile.has(behaviourId(ref.key))) profile.decide(behaviourId(ref.key), decision)
    }
  }
  return profile
}
