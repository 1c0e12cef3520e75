import { afterEach, describe, expect, it } from 'vitest'
import type { ActEvent, ImageRef } from '../../../src/core/event/event.ts'
import type { ReviewCard } from '../../../src/api/review-cards.ts'
import type { CardDecision } from '../../../src/api/review-views.ts'
import { act, type Where } from '../../fixtures/event-fixture.ts'
import { daemonWorld, type DaemonWorld } from '../../fixtures/daemon-fixtures.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const repository = 'shop/web'
const by = { who: 'cli:root' }
const [one, two]: readonly ImageRef[] = ['aa', 'bb'].map((hex) => ({
  repository,
  digest: `sha256:${hex.repeat(32)}`,
}))
const folder = '/var/lib/app/tickets'
const node: Where = { exe: '/usr/bin/node', container: 'a'.repeat(64) }
const all = { offset: 0, limit: 500 }
const worlds: DaemonWorld[] = []

afterEach(async () => {
  for (const world of worlds.splice(0)) await world.stop()
})

async function happens(world: DaemonWorld, events: readonly ActEvent[], image = one) {
  const lines = events.map((event, at) => {
    const time = new Date(Date.UTC(2026, 10, 24) + at * 1_000).toISOString()
    return `${JSON.stringify({ ...event, time, image })}\n`
  })
  async function* chunks() {
    yield Buffer.from(lines.join(''))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

/** Versions that raise alerts, with one program in their profiles. */
async function alerting(...images: readonly (ImageRef | undefined)[]): Promise<DaemonWorld> {
  const world = daemonWorld()
  worlds.push(world)
  await world.start()
  for (const image of images) {
    await happens(world, [act.exec('/usr/bin/node', { ...node, exe: '/init' })], image)
    await world.engine.endLearning(`${repository}@${image?.digest}`, by)
  }
  return world
}

const writes = (names: readonly string[]): readonly ActEvent[] =>
  names.map((name) => act.file(`${folder}/${name}.md`, ['write'], node))
const eleven = ['red', 'oak', 'sun', 'fog', 'ink', 'jar', 'kit', 'log', 'map', 'nut', 'owl']

async function cards(world: DaemonWorld): Promise<readonly ReviewCard[]> {
  return (await world.engine.page.review(all)).cards
}

async function card(world: DaemonWorld, text: string): Promise<ReviewCard> {
  const found = (await cards(world)).find((each) => each.text.includes(text))
  if (found === undefined) throw new Error(`no card \`${text}\``)
  return found
}

const named = (world: DaemonWorld, id: string) => world.engine.page.review({ ...all, card: id })

const open = (world: DaemonWorld) => world.engine.alerts({ limit: 100, state: 'open' })

function decide(
  world: DaemonWorld,
  { places }: ReviewCard,
  decision: CardDecision['decision'],
  more: Partial<CardDecision> = {},
) {
  const of = places.map(({ ref, revision, behaviours }) => ({ ref, revision, behaviours }))
  return world.engine.decideCard({ decision, places: of, ...more }, by)
}

async function states(world: DaemonWorld, digest = one?.digest): Promise<readonly string[]> {
  const { behaviours } = await world.engine.profile(`${repository}@${digest}`)
  return behaviours.filter(({ object }) => object.startsWith(folder)).map(({ state }) => state)
}

describe('a card', () => {
  it('is one cause: what one program does in one folder', async () => {
    const world = await alerting(one)
    await happens(world, writes(eleven))
    const { behaviours, samples, ...found } = await card(world, 'tickets')
    expect(await cards(world)).toHaveLength(1)
    expect(found).toMatchObject({
      actor: '/usr/bin/node',
      text: `writes 11 files in ${folder}/`,
      proposed: `${folder}/*.md`,
      grouping: 'cause',
      count: 11,
      containers: 1,
    })
    expect(behaviours).toBe(11)
    expect(samples).toHaveLength(5)
    expect(samples[0]?.text).toBe(`write ${folder}/red.md`)
  })

  it('has all of its behaviours in pages, in the order in which they were seen', async () => {
    const world = await alerting(one)
    await happens(world, writes(eleven))
    const { key } = await card(world, 'tickets')
    const pages = await Promise.all(
      [0, 4, 8].map((offset) => world.engine.page.cardBehaviours({ card: key, offset, limit: 4 })),
    )
    expect(pages.map(({ total, rows }) => [total, rows.length])).toEqual([
      [11, 4],
      [11, 4],
      [11, 3],
    ])
    const ids = pages.flatMap(({ rows }) => rows.map(({ id }) => id))
    expect(ids.toSorted()).toEqual(
      [...((await card(world, 'tickets')).places[0]?.behaviours ?? [])].sort(),
    )
    const none = world.engine.page.cardBehaviours({ card: 'none', offset: 0, limit: 1 })
    await expect(none).rejects.toMatchObject({ code: 'CARD_UNKNOWN' })
  })

  it('joins what two versions of the image show', async () => {
    const world = await alerting(one, two)
    await happens(world, writes(['red', 'oak']))
    await happens(world, writes(['oak', 'sun']), two)
    const { behaviours, places, text } = await card(world, 'tickets')
    expect({ behaviours, text }).toEqual({ behaviours: 3, text: `writes 3 files in ${folder}/` })
    expect(places.map((place) => place.behaviours.length)).toEqual([2, 2])
  })

  it('has a new program with what it does, and what the programs do that it starts', async () => {
    const world = await alerting(one)
    await happens(world, [
      act.exec('/bin/sh', node),
      act.exec('/usr/bin/curl', { ...node, exe: '/bin/sh' }),
      act.connect('203.0.113.9', 443, { ...node, exe: '/usr/bin/curl' }),
      act.file('/srv/x', ['write'], { ...node, exe: '/usr/bin/curl' }),
      act.file('/srv/y', ['write'], node),
    ])
    expect((await cards(world)).map(({ text, behaviours }) => [text, behaviours])).toEqual([
      ['runs /bin/sh, and 3 more behaviours follow', 4],
      ['writes /srv/y', 1],
    ])
  })

  it('has what only one exec session did', async () => {
    const world = await alerting(one)
    const inSession: Where = { ...node, origin: 'exec-in', session: 'session-1' }
    await happens(world, [
      act.file('/etc/shadow', ['read'], { ...inSession, exe: '/bin/cat' }),
      act.file('/etc/crontab', ['write'], { ...inSession, exe: '/bin/vi' }),
      act.file('/etc/crontab', ['write'], node),
    ])
    const found = (await cards(world)).map(
      ({ grouping, actor, text }) => `${grouping}: ${actor} ${text}`,
    )
    expect(found).toEqual([
      `session: exec session session-1 shows 2 behaviours in container ${'a'.repeat(12)}`,
      'cause: /usr/bin/node writes /etc/crontab',
    ])
  })

  it('keeps behaviours with a guardrail apart from those without one', async () => {
    const world = await alerting(one)
    await happens(world, [
      act.file('/etc/shadow', ['read'], node),
      act.file('/etc/hosts', ['read'], node),
    ])
    expect((await cards(world)).map(({ text, guardrails }) => [text, guardrails])).toEqual([
      ['reads /etc/shadow', ['shadow-read']],
      ['reads /etc/hosts', []],
    ])
  })

  it('has another id once a behaviour comes, and the earlier id stands for what it showed', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak']))
    const before = await card(world, 'tickets')
    expect((await named(world, before.id)).cards).toEqual([before])
    await happens(world, writes(['sun']))
    const after = await card(world, 'tickets')
    expect(after.key).toBe(before.key)
    expect(after.id).not.toBe(before.id)
    const [earlier] = (await named(world, before.id)).cards
    expect(earlier).toMatchObject({ id: before.id, behaviours: 2, samples: before.samples })
    const range = { card: earlier?.key ?? '', offset: 0, limit: 10 }
    expect((await world.engine.page.cardBehaviours(range)).total).toBe(2)
    await decide(world, earlier!, 'approve')
    expect((await card(world, 'tickets')).samples.map(({ text }) => text)).toEqual([
      `write ${folder}/sun.md`,
    ])
  })

  it('keeps its id for readers while a decision on another card divides or joins it', async () => {
    const world = await alerting(one)
    const dropped = { ...act.exec('/data/cat', node), exec: { path: '/data/cat', drift: true } }
    const does: Where = { ...node, exe: '/data/cat' }
    await happens(world, [
      dropped,
      act.file('/srv/prices.txt', ['read'], does),
      act.connect('203.0.113.9', 443, does),
      act.file('/srv/orders.log', ['write'], node),
    ])
    const listed = await cards(world)
    expect(listed.map(({ behaviours }) => behaviours)).toEqual([1, 2, 1])
    for (const { id, behaviours } of listed) {
      const [found] = (await named(world, id)).cards
      expect(found).toMatchObject({ id, behaviours })
      await decide(world, found!, 'reject')
      // What the rejected program did is two causes by now.
      if (id === listed[0]?.id) {
        expect((await cards(world)).map((each) => each.behaviours)).toEqual([1, 1, 1])
      }
    }
    expect(await cards(world)).toEqual([])
  })

  it('that nothing waits on reports what became of it', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak', 'sun']))
    const listed = await card(world, 'tickets')
    const [place] = listed.places
    const first = { ...place!, behaviours: place!.behaviours.slice(0, 1) }
    await decide(world, { ...listed, places: [first] }, 'reject')
    await decide(world, await card(world, 'tickets'), 'approve')
    await expect(named(world, listed.id)).rejects.toMatchObject({
      code: 'CARD_DECIDED',
      message: expect.stringMatching(/: (1 rejected, 2 approved|2 approved, 1 rejected)$/),
    })
    expect((await named(world, 'another')).total).toBe(0)
  })
})

describe('a decision on a card', () => {
  it('is one step with one entry in the audit log, and can be undone', async () => {
    const world = await alerting(one)
    await happens(world, writes(eleven))
    const { decided } = await decide(world, await card(world, 'tickets'), 'approve')
    expect(decided[0]?.behaviours).toHaveLength(11)
    expect(await cards(world)).toEqual([])
    expect(await states(world)).toEqual(Array(11).fill('approved'))
    const [entry] = await world.engine.audit(1)
    expect(entry?.what).toBe('approve')
    expect(entry?.['changes']).toHaveLength(11)
    await world.engine.undo(entry?.seq ?? 0, by)
    expect((await card(world, 'tickets')).behaviours).toBe(11)
  })

  it('closes the alert about its behaviours, and not what comes later', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak', 'sun']))
    const [alert] = await open(world)
    const read = await card(world, 'tickets')
    expect(read.alerts).toEqual([alert?.id])
    await decide(world, read, 'approve')
    expect(await open(world)).toEqual([])
    expect(world.engine.alert(alert?.id ?? '')).toMatchObject({
      decision: { kind: 'acknowledged', by: by.who, reason: 'approved in review' },
    })
    const [entry] = await world.engine.audit(1)
    expect(entry).toMatchObject({ what: 'approve', alerts: [alert?.id] })
    await happens(world, writes(['fog']))
    expect((await open(world)).map(({ id }) => id)).not.toContain(alert?.id)
    expect(await open(world)).toHaveLength(1)
    await world.engine.undo(entry?.seq ?? 0, by)
    expect(world.engine.alert(alert?.id ?? '').decision).toBeUndefined()
  })

  it('leaves an alert open while a behaviour of it waits', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak', 'sun']))
    const read = await card(world, 'tickets')
    const [place] = read.places
    const [first = '', ...rest] = place?.behaviours ?? []
    const at = { ref: place?.ref ?? '', revision: place?.revision ?? '' }
    const reject = (behaviours: readonly string[], revision = at.revision) =>
      world.engine.decideCard({ decision: 'reject', places: [{ ...at, revision, behaviours }] }, by)
    await reject([first])
    expect(await open(world)).toHaveLength(1)
    await reject(rest, (await card(world, 'tickets')).places[0]?.revision)
    expect(await open(world)).toEqual([])
  })

  it('leaves the alerts of another version open', async () => {
    const world = await alerting(one, two)
    await happens(world, writes(['red', 'oak']))
    await happens(world, writes(['red', 'oak']), two)
    const read = await card(world, 'tickets')
    expect(await open(world)).toHaveLength(2)
    await decide(world, { ...read, places: read.places.slice(0, 1) }, 'approve')
    expect(await open(world)).toHaveLength(1)
  })

  it('covers all versions of the card in one entry, whose undoing covers them too', async () => {
    const world = await alerting(one, two)
    await happens(world, writes(['red', 'oak']))
    await happens(world, writes(['oak', 'sun']), two)
    await decide(world, await card(world, 'tickets'), 'reject', {})
    const [entry, before] = await world.engine.audit(2)
    expect(before?.what).not.toBe('reject')
    expect(entry).toMatchObject({
      what: 'reject',
      images: [one, two].map((image) => `${repository}@${image?.digest}`),
    })
    expect(entry?.['changes']).toHaveLength(4)
    for (const image of [one, two])
      expect(await states(world, image?.digest)).toEqual(['rejected', 'rejected'])
    await world.engine.undo(entry?.seq ?? 0, by)
    expect(await card(world, 'tickets')).toMatchObject({ behaviours: 3, places: [{}, {}] })
  })

  it('leaves a behaviour that came after the card was read in review', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak']))
    const read = await card(world, 'tickets')
    await happens(world, writes(['sun']))
    await decide(world, read, 'approve')
    expect(await card(world, 'tickets')).toMatchObject({
      behaviours: 1,
      text: `writes ${folder}/sun.md`,
    })
    expect((await states(world)).toSorted()).toEqual(['approved', 'approved', 'pending'])
  })

  it('is refused as a whole where one of its versions has changed since', async () => {
    const world = await alerting(one, two)
    await happens(world, writes(['red', 'oak']))
    await happens(world, writes(['oak', 'sun']), two)
    const read = await card(world, 'tickets')
    const [, place] = read.places
    await world.engine.reject(place?.ref ?? '', place?.behaviours.slice(0, 1) ?? [], by)
    await expect(decide(world, read, 'approve')).rejects.toMatchObject({ code: 'REVISION_STALE' })
    expect(await states(world)).toEqual(['pending', 'pending'])
  })

  it('approves what a guardrail holds in quarantine only where it says so', async () => {
    const world = await alerting(one)
    await happens(world, [act.file('/etc/shadow', ['read'], node)])
    const read = await card(world, '/etc/shadow')
    await expect(decide(world, read, 'approve')).rejects.toMatchObject({ code: 'DECISION_INVALID' })
    await decide(world, read, 'approve', { quarantined: true })
    expect(await cards(world)).toEqual([])
  })

  it('can be of single behaviours: the rest of the card stays', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak', 'sun']))
    const read = await card(world, 'tickets')
    const [place] = read.places
    const places = [{ ...place!, behaviours: place!.behaviours.slice(0, 1) }]
    await decide(world, { ...read, places }, 'reject')
    expect((await card(world, 'tickets')).behaviours).toBe(2)
  })

  it('changes nothing where it is only tried', async () => {
    const world = await alerting(one)
    await happens(world, writes(['red', 'oak']))
    const read = await card(world, 'tickets')
    const { decided } = await decide(world, read, 'reject', { dryRun: true })
    expect(decided[0]?.behaviours).toHaveLength(2)
    expect(await card(world, 'tickets')).toEqual(read)
  })

  it('on every card leaves nothing that waits', async () => {
    const world = await alerting(one, two)
    await happens(world, [
      ...writes(eleven),
      act.file('/etc/shadow', ['read'], node),
      act.exec('/bin/sh', node),
      act.connect('203.0.113.9', 443, { ...node, exe: '/bin/sh' }),
    ])
    await happens(world, writes(['elm', 'fox']), two)
    const keys = (await cards(world)).map((each) => each.key)
    for (const [at, key] of keys.entries()) {
      const read = (await cards(world)).find((each) => each.key === key)!
      const kind = at % 2 === 0 ? 'approve' : 'reject'
      await decide(world, read, kind, kind === 'approve' ? { quarantined: true } : {})
    }
    expect(await world.engine.page.review(all)).toMatchObject({
      total: 0,
      behaviours: 0,
      cards: [],
    })
  })
})
