import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ActEvent, FileAct } from '../../src/core/event/event.ts'
import { bytesOfName } from '../../src/core/event/name-bytes.ts'
import { microsOf } from '../../src/core/event/time.ts'
import { SnugError } from '../../src/errors.ts'
import { type CompiledKernel, compileKernel } from '../../src/core/compile/compile-kernel.ts'
import type { PathAutomaton } from '../../src/core/compile/kernel-profile.ts'
import { Guardrails } from '../../src/core/match/guardrail.ts'
import { judge } from '../../src/core/match/judge.ts'
import { run } from '../../src/core/compile/path-automaton.ts'
import {
  behaviourId,
  behaviourKey,
  type BehaviourRef,
  behavioursOf,
} from '../../src/core/behaviour/behaviour.ts'
import { drawnOf, isDrawn, rangeText } from '../../src/core/behaviour/ports.ts'
import { isPathPlace } from '../../src/core/behaviour/place-pattern.ts'
import { isDnsPeer } from '../../src/core/behaviour/dns-name.ts'
import { isWildcard, wildcardOf } from '../../src/core/behaviour/peer.ts'
import { matchedRuleOf } from '../../src/core/profile/matched-rule.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { userOf } from '../../src/core/behaviour/user.ts'
import type { Grant, ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { type AnswerRecord, dnsAnswer } from '../fixtures/dns-messages.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { seedOfRun } from '../fixtures/seed.ts'
import { Acts, hex } from './acts.ts'
import { buildImage, newId, removeTree } from './container.ts'
import { Recorder } from './recorder.ts'

/** Each profile gets new events: the number of profiles, and of events for each. */
const profiles = 12
const actsEach = 1_200
const seed = seedOfRun()

const guardrails = new Guardrails({ schema: 'snug.guardrails/v1', guardrails: [] })

let image: string
let recorder: Recorder

beforeAll(async () => {
  image = buildImage()
  recorder = new Recorder()
  await recorder.running()
}, 60_000)
afterAll(async () => {
  await recorder.stop()
  removeTree(image)
})

const letters = 'abcdefghijklmnopqrstuvwxyz'
const hexDigits = '0123456789abcdef'
const mixed = `${letters}${letters.toUpperCase()}0123456789`

const of = (alphabet: string, length: number): fc.Arbitrary<string> =>
  fc
    .array(fc.nat(alphabet.length - 1), { minLength: length, maxLength: length })
    .map((at) => at.map((i) => alphabet[i]).join(''))

/** Names that vary by nature, of few kinds, so that profiles find patterns in them, and names that only look so. */
const token = fc.oneof(
  fc.uuid(),
  of(hexDigits, 8),
  of(hexDigits, 16),
  of(mixed, 6),
  of(mixed, 10),
  fc.nat(99_999).map(String),
  fc.constantFrom('20261124', '2026-11-24', '13:40:27', 'abcdef', '12345678', 'tmpab12_cd3'),
)

const plain = fc.constantFrom('log', 'state', 'cache.db', 'a b', 'x86_64', '<int>', '…', '.hidden')
const hard: fc.Arbitrary<Buffer> = fc.oneof(
  fc.constantFrom(
    Buffer.from('n'.repeat(255)),
    Buffer.from('new\nline'),
    Buffer.from([0x62, 0xff, 0xfe, 0x6e]),
    Buffer.from('back\\slash'),
    Buffer.from('\\xff'),
    Buffer.from('e\u0301-ü-日本'),
    Buffer.concat([Buffer.from('1234567-'), Buffer.from([0x80]), Buffer.from('-7654321')]),
  ),
  fc
    .uint8Array({ minLength: 1, maxLength: 40 })
    .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 0x2f ? 0x5f : byte)))),
)
const name: fc.Arbitrary<Buffer> = fc.oneof(
  { weight: 5, arbitrary: token.map((text) => Buffer.from(text)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('job-', 'part.', '', 'v1.'), token, fc.constantFrom('', '.tmp', '.1'))
      .map((parts) => Buffer.from(parts.join(''))),
  },
  { weight: 2, arbitrary: plain.map((text) => Buffer.from(text)) },
  { weight: 1, arbitrary: hard.filter((bytes) => !['.', '..'].includes(bytes.toString())) },
)

/** Several spellings of one file: the kernel resolves an opened path, and a path without a file is made canonical. */
const spelled = fc.constantFrom('', '/', './', '../data/', 'sub/../', './/')
const path: fc.Arbitrary<Buffer> = fc
  .tuple(fc.constantFrom('/data/', '/data/sub/', '/tmp/'), spelled, name)
  .map(([folder, detour, leaf]) => {
    const way = folder === '/data/' ? detour : detour.includes('..') ? '' : detour
    return Buffer.concat([Buffer.from(folder + way), leaf])
  })

const port = fc.integer({ min: 7_000, max: 7_012 })
const address = fc.oneof(
  fc.constantFrom('127.0.0.1', '127.0.0.2', '127.1.0.3', '::1', '::ffff:127.0.0.7'),
  fc.constantFrom('198.51.100.5', '198.51.100.6', '198.51.100.7', '2001:db8::5'),
  fc.constant('::ffff:198.51.100.6'),
)

const homes = ['anna', 'carl', 'dora'].map((user) => `/data/homes/${user}`)
const home = fc.oneof(
  fc.constantFrom(...homes),
  of(letters, 5).map((user) => `/data/homes/${user}`),
  of(letters, 3).map((user) => `/data/homes/.${user}`),
)

const code: fc.Arbitrary<Buffer> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(':', 'true', ': a', 'exit 3').map((it) => Buffer.from(it)),
  },
  { weight: 4, arbitrary: token.map((text) => Buffer.from(`: ${text.replace('<', '')}`)) },
  { weight: 1, arbitrary: fc.constant(Buffer.from([0x3a, 0x20, 0xff, 0xfe])) },
  // Longer than the kernel transports: only the beginning counts.
  {
    weight: 1,
    arbitrary: fc.constantFrom('x', 'y').map((x) => Buffer.from(`: ${x.repeat(2_100)}`)),
  },
)

/** A program whose name and arguments decide its work; all of its names are one file. */
const runs: fc.Arbitrary<string> = fc
  .oneof(
    fc
      .tuple(
        fc.constantFrom('sh', '/bin/sh', '-sh'),
        fc.constantFrom('-c', '-ec', '-c --').map((it) => it.split(' ')),
        code,
        fc.nat(1),
      )
      .map(([called, flag, reported, more]) => [
        called,
        ...flag,
        reported,
        ...(more === 1 ? ['$0'] : []),
      ]),
    fc.tuple(fc.constantFrom('echo', 'true', '/bin/false'), code),
    fc.tuple(fc.constant('busybox'), fc.constantFrom('echo', 'false'), code),
  )
  .map((args) => `+ run ${hex('/bin/busybox')} ${args.map(hex).join(' ')}`)

/** One action: a line for `acts` that leaves everything as it was. */
const act: fc.Arbitrary<string> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.constantFrom('write', 'both', 'read', 'make', 'openat2'), path)
      .map(([op, at]) => `${op} ${hex(at)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('unlink', 'mkdir', 'rmdir', 'truncate', 'chmod', 'chown'), path)
      .map(([op, at]) => `${op} ${hex(at)}`),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(path, fc.constantFrom('user.note', 'trusted.note', 'security.note'))
      .map(([at, name]) => `attribute ${hex(at)} ${hex(name)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('rename', 'rename', 'link', 'symlink'), path, path)
      .map(([op, from, to]) => `${op} ${hex(from)} ${hex(to)}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('tcp', 'udp', 'send'), address, port)
      .map((parts) => parts.join(' ')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom('listen', 'bind'),
        fc.constantFrom('127.0.0.1', '0.0.0.0', '::1'),
        port,
      )
      .map((parts) => parts.join(' ')),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        fc.constantFrom(0, 1, 2, 3, 999, 1_000, 1_001, 60_000, 60_001),
        fc.constantFrom('/bin/acts', '/bin/workload', '/etc/script.sh'),
      )
      .map(([user, at]) => `+${user} exec ${hex(at)}`),
  },
  { weight: 3, arbitrary: runs },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '+ setuid 3',
      '+ setuid 4',
      '+ setuid 1001',
      '+ setuid 1002',
      '+ setgid 3',
      '+ setgid 1003',
      '+ setgid 60001',
      '+ unshare 0x4000000',
      '+ unshare 0x20000',
      `+ chown ${hex('/data/log')}`,
      `+ memory ${hex('/bin/acts')}`,
      `+ execveat ${hex('/bin/acts')}`,
      `+2 read ${hex('/etc/private')}`,
      `+2 write ${hex('/data/log')}`,
      `+1001 read ${hex('/data/log')}`,
      `+1002 read ${hex('/data/log')}`,
      `+60001 read ${hex('/data/log')}`,
      'deep 10',
      'deep 25',
      `unix ${hex('/data/socket')}`,
      `unix ${hex('@abstract')}`,
      'unix ' + hex('@abstract-b'),
    ),
  },
  // Of a few there is a socket, or a folder; of most there is none.
  {
    weight: 2,
    arbitrary: fc
      .tuple(home, fc.constantFrom('/log', '/log', '/log', '/other', ''))
      .map(([folder, below]) =>
        below === ''
          ? `+ chroot-exec ${hex(folder)} ${hex('/none')}`
          : `unix ${hex(folder + below)}`,
      ),
  },
)

/** Files that replace another, and some that turned out not to be needed. */
const replacing = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((n) => {
  const fresh = hex(`/opt/init.${n}`)
  return [
    `write ${fresh}`,
    `rename ${fresh} ${hex('/opt/init')}`,
    `write ${fresh}`,
    `unlink ${fresh}`,
  ]
})

const asks = (name: string, record: Omit<AnswerRecord, 'owner'>): string =>
  `resolver 127.0.0.1 ${hex(dnsAnswer(name, [{ owner: 'edge.test', ...record }], { type: record.a === undefined ? 28 : 1 }))}`

const before = [
  asks('Api.test', { a: '198.51.100.5' }),
  asks('api.test', { aaaa: [0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 5] }),
  asks('a b.test', { a: '198.51.100.6' }),
  asks('b.api.test', { a: '198.51.100.7' }),
  `mkdir ${hex('/data/sub')}`,
  // No folder below it is a place, so that deleting there is decided by renames.
  `mkdir ${hex('/opt')}`,
  `write ${hex('/data/log')}`,
  `serve ${hex('/data/socket')}`,
  `serve ${hex('@abstract')}`,
  `mkdir ${hex('/data/homes')}`,
  ...homes.flatMap((folder) => [`mkdir ${hex(folder)}`, `serve ${hex(`${folder}/log`)}`]),
  ...replacing,
]

function keyOf(event: ActEvent): string {
  return behavioursOf(event, shaper)
    .map((ref) => `${ref.origin} ${ref.key} ${ref.literal?.text ?? ''} ${ref.address ?? ''}`)
    .sort()
    .join('\n')
}

/** The events of a container that performs these lines, by behaviour. Each container is new: all start in one state. */
async function eventsOf(
  lines: readonly string[],
  scope: number,
  uid: number,
): Promise<ReadonlyMap<string, ActEvent>> {
  const id = newId()
  recorder.source.control.assign(id, scope)
  await recorder.source.obeyed()
  recorder.messages.length = 0
  const acts = new Acts(image, id, uid)
  await acts.did([])
  recorder.source.control.resolvers?.(id, ['127.0.0.1'], [])
  await recorder.source.obeyed()
  await acts.did([...before, ...lines])
  await recorder.source.obeyed()
  const events = recorder.acts(acts.id).map((event) => refined(event, uid === 0))
  await acts.stop()
  return new Map(events.map((event) => [keyOf(event), event]))
}

interface Choice {
  readonly learned: boolean
  readonly word: 'none' | 'approved' | 'rejected'
}

const choice: fc.Arbitrary<Choice> = fc.record({
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

function profileOf(events: readonly ActEvent[], choices: readonly Choice[]): Profile {
  const profile = new Profile(shaper)
  for (const [i, event] of events.entries()) {
    const { learned, word } = ofReplacing(event) ?? (choices[i % choices.length] as Choice)
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

/** Names of addresses, as an engine would give them. */
const names: Readonly<Record<string, string>> = { '127.0.0.2': 'db', '::1': 'cache.shop' }

/** As the answers in each container give them whose user may play the resolver: port 53 is root's. */
const answered: Readonly<Record<string, string>> = {
  '198.51.100.5': 'api.test.',
  '2001:db8::5': 'api.test.',
  '198.51.100.6': 'a\\032b.test.',
  '198.51.100.7': 'b.api.test.',
}

/**
 * The event with what the daemon would add: some paths count as the image's, which no pattern takes, and some addresses
 * have a name.
 */
function refined(event: ActEvent, hasAnswers: boolean): ActEvent {
  if (event.kind === 'connect') {
    const byDns = hasAnswers ? answered[event.connect.address] : undefined
    const known = names[event.connect.address] ?? byDns
    return known === undefined ? event : { ...event, connect: { ...event.connect, name: known } }
  }
  if (event.kind !== 'file') return event
  const { file } = event
  const linked = linkedPath(file)
  const shipped = isShipped(file.path) ? { shipped: true } : {}
  const toShipped = linked !== undefined && isShipped(linked) ? { toShipped: true } : {}
  return { ...event, file: { ...file, ...shipped, ...toShipped } }
}

/** Root is never taken for another, nor another for root. */
const usersOf = (round: number): readonly [number, number] => (round % 3 === 2 ? [7, 8] : [0, 0])

/** The file that a hard link names. */
const linkedPath = ({ access, to }: FileAct): string | undefined =>
  access.includes('create') ? to : undefined

const isShipped = (at: string): boolean => at.startsWith('/tmp/') && at.length % 5 === 0

function taken(events: readonly ActEvent[], automaton: PathAutomaton): string[] {
  const paths = events.flatMap((event) =>
    event.kind === 'file' ? [event.file.path, linkedPath(event.file) ?? []].flat() : [],
  )
  return paths.filter((at) => isShipped(at) && takes(automaton, at))
}

function takes(automaton: PathAutomaton, at: string): boolean {
  return run(automaton, bytesOfName(at)) > 0 || endsAlive(automaton, at)
}

/** The automaton reads the path of a rename as the first half of its input. */
function endsAlive(automaton: PathAutomaton, at: string): boolean {
  let state = 1
  for (const byte of bytesOfName(at)) state = automaton.next[state * 256 + byte] ?? 0
  return (automaton.next[state * 256] ?? 0) !== 0
}

/** A port that is expected as one of a range. */
function isDrawnPort(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && isDrawn(by)
}

/** A socket or a call that is expected as one of a place. */
function isOfPlace(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && by.kind !== 'file' && isPathPlace(by)
}

/** A name that is expected as one of a wildcard. */
function isOfWildcard(profile: Profile, ref: BehaviourRef): boolean {
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by !== undefined && isWildcard(by)
}

const isByDns = ({ object }: BehaviourRef): boolean =>
  object.kind === 'connect' && isDnsPeer(object.peer)

/** A delete that is expected by the rename that gives the name away. */
function isRenamedAway(profile: Profile, ref: BehaviourRef): boolean {
  const { object } = ref
  if (object.kind !== 'file' || object.access !== 'delete') return false
  const by = matchedRuleOf(profile, ref, () => microsOf('2026-11-24T00:00:00Z'))?.object
  return by?.kind === 'file' && by.access === 'rename'
}

/** A profile whose patterns the kernel has no room for is refused as a whole: no verdict follows from it. */
function compiledIfItFits(profile: Profile, done: readonly ActEvent[]): CompiledKernel | undefined {
  try {
    return compileKernel(profile, {
      now: microsOf('2026-11-24T00:00:00Z'),
      shippedMatching: (automaton) => taken(done, automaton),
    })
  } catch (error) {
    if (error instanceof SnugError && error.code === 'PROFILE_TOO_LARGE') return undefined
    throw error
  }
}

describe(`kernel and matcher give the same verdict on every event (SNUG_SEED=${seed})`, () => {
  it(`of ${actsEach} events each by ${profiles} profiles`, { timeout: 300_000 }, async () => {
    const { control } = recorder.source
    let judged = 0
    let expected = 0
    let patterns = 0
    let blocks = 0
    let programs = 0
    let renamedAway = 0
    let drawn = 0
    let byDns = 0
    let ofPlaces = 0
    let ofWildcards = 0
    let tooLarge = 0
    control.peers?.(Object.entries(names).map(([at, known]) => ({ address: at, name: known })))
    // Another one is drawn for each that does not fit, so that as many are compared.
    for (let round = 0; round < profiles + tooLarge; round++) {
      const scope = 100 + round
      const lines = fc.sample(act, { seed: seed + round, numRuns: actsEach })
      control.filter('off')
      // The image is learned as one user and runs as another: the declared user is the same.
      const [first, second] = usersOf(round)
      const done = [...(await eventsOf(lines, 1, first)).values()]
      control.filter('novelty')

      const choices = fc.sample(choice, { seed: seed + round, numRuns: 997 })
      const profile = profileOf(done, choices)
      const compiled = compiledIfItFits(profile, done)
      if (compiled === undefined) {
        tooLarge += 1
        expect(tooLarge).toBeLessThan(profiles / 4)
        continue
      }
      profile.widen(compiled.widenings)
      patterns += compiled.profile.rules.filter(
        ({ object }) => object.kind === 'file-pattern',
      ).length
      programs += compiled.profile.rules.filter(
        ({ object }) => object.kind === 'exec-pattern' && object.set > 0,
      ).length
      blocks += compiled.profile.prefixes.length
      control.profile?.(scope, compiled.profile)
      control.enforce?.(scope, { mode: 'alert', budget: 0 })
      const up = await eventsOf(lines, scope, second)

      for (const event of done) {
        const key = keyOf(event)
        const refs = behavioursOf(event, shaper)
        const { outcome } = judge(profile, event, refs, { guardrails })
        const kernel = up.has(key) ? 'deviation' : 'expected'
        judged += 1
        if (outcome === 'expected') expected += 1
        if (refs.some((ref) => isRenamedAway(profile, ref))) renamedAway += 1
        if (refs.some((ref) => isDrawnPort(profile, ref))) drawn += 1
        if (outcome === 'expected' && refs.some(isByDns)) byDns += 1
        if (refs.some((ref) => isOfPlace(profile, ref))) ofPlaces += 1
        if (refs.some((ref) => isOfWildcard(profile, ref))) ofWildcards += 1
        expect({ kernel, key }).toEqual({ kernel: outcome, key })
      }
    }
    expect(judged).toBeGreaterThan(4_000)
    expect(patterns).toBeGreaterThan(100)
    expect(programs).toBeGreaterThan(100)
    expect(blocks).toBeGreaterThan(10)
    expect(renamedAway).toBeGreaterThan(profiles)
    expect(drawn).toBeGreaterThan(profiles)
    expect(byDns).toBeGreaterThan(profiles)
    expect(ofPlaces).toBeGreaterThan(profiles)
    expect(ofWildcards).toBeGreaterThan(profiles / 2)
    // Of both there are many: else it would show nothing.
    expect(expected).toBeGreaterThan(judged / 10)
    expect(expected).toBeLessThan((judged * 9) / 10)
  })
})
