import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SnugEvent } from '../../../src/core/event/event.ts'
import type { ReviewCard } from '../../../src/api/review-cards.ts'
import * as story from '../../fixtures/page-story.ts'
import { daemonWorld, type DaemonWorld } from '../../fixtures/daemon-fixtures.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const image = story.webRepository
const by = { who: 'cli:root' }
let world: DaemonWorld

async function happens(events: Iterable<SnugEvent>): Promise<void> {
  async function* chunks() {
    yield Buffer.from(story.lines(events))
  }
  await world.engine.replay(chunks(), AbortSignal.timeout(patienceMs))
}

/** The first version is learned and alerts; the second learns its delta; an intruder was in the first. */
beforeEach(async () => {
  world = daemonWorld({ rules: { floorMs: 3_600_000, ceilingMs: 86_400_000 } })
  await world.start()
  await happens(story.learned())
  await world.engine.setMode(image, 'alert', by)
  await happens(story.nextVersion())
  await happens(story.intruder())
})

afterEach(async () => {
  await world.stop()
})

const all = { offset: 0, limit: 100 }

async function card(text: string): Promise<ReviewCard> {
  const found = (await world.engine.page.review(all)).cards.find((each) =>
    each.text.startsWith(text),
  )
  if (found === undefined) throw new Error(`no card \`${text}\``)
  return found
}

describe('the timeline', () => {
  it('counts every alert and every behaviour once, and has the steps of versions', async () => {
    const { slices, marks } = await world.engine.page.timeline(24)
    const alerts = slices.flatMap((slice) => Object.values(slice.alerts)).reduce((a, b) => a + b, 0)
    const novel = slices.reduce((sum, slice) => sum + slice.novel, 0)
    const behaviours = (await world.engine.images()).flatMap(({ versions }) => versions)
    expect(alerts).toBe(world.engine.status().alerts.total)
    expect(novel).toBe(behaviours.reduce((sum, each) => sum + each.behaviours, 0))
    expect(marks.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^learning → alert/),
      'mode alert',
    ])
  })
})

describe('the life of a version', () => {
  it('is its states without gaps, of each version its own', async () => {
    const [first, second] = await world.engine.page.lives(image)
    expect(first?.stages.map(({ state, mode }) => `${state} ${mode}`)).toEqual([
      'learning learn',
      'enforced alert',
    ])
    expect(first?.stages[0]?.to).toBe(first?.stages[1]?.from)
    expect(second?.stages.map(({ state }) => state)).toEqual(['learning'])
  })
})

describe('the picture of a version', () => {
  it('has each program with its behaviours and the programs that start it', async () => {
    const { programs, runs, peers } = await world.engine.page.picture(`${image}:1.5.0`)
    const at = (exe: string): number => programs.findIndex((program) => program.exe === exe)
    const pay = programs[at('/usr/bin/shop-pay')]
    expect(pay?.acts.map(({ group, shown }) => [group, shown.map(({ text }) => text)])).toEqual([
      ['read', ['/etc/shop/payment.conf']],
      ['write', ['/var/lib/shop/payments.log']],
      ['connect', ['tcp api.payments.example:443']],
      ['listen', ['tcp 0.0.0.0:9100']],
    ])
    expect(pay?.users).toEqual(['uid 33'])
    expect(runs).toContainEqual(
      expect.objectContaining({ from: at('/usr/bin/php-fpm8.4'), to: at('/usr/bin/shop-pay') }),
    )
    const database = peers.find(({ peer }) => peer === 'db.shop')
    expect(database).toMatchObject({
      direction: 'out',
      port: 5432,
      programs: [at('/usr/bin/php-fpm8.4')],
    })
  })

  it('is of the profile alone, and counts what waits for a decision', async () => {
    const { programs, runs, deviations } = await world.engine.page.picture(`${image}:1.4.2`)
    expect(deviations).toBe(9)
    expect(programs.map(({ exe }) => exe)).not.toContain('/usr/bin/curl')
    expect(programs.every(({ open }) => open === 0)).toBe(true)
    expect(runs.every(({ state }) => state === 'learned')).toBe(true)
  })

  it('has and marks behaviours that wait for a decision on request', async () => {
    const { programs, deviations } = await world.engine.page.picture(`${image}:1.4.2`, true)
    expect(deviations).toBe(9)
    expect(programs.find(({ exe }) => exe === '/usr/bin/curl')).toMatchObject({ open: 2 })
    expect(programs.find(({ exe }) => exe === '/usr/sbin/nginx')).toMatchObject({ open: 0 })
  })
})

describe('a window of behaviours', () => {
  it('holds the requested part, and counts all of it', async () => {
    const { page } = world.engine
    const whole = await page.behaviours(`${image}:1.4.2`, all)
    const some = await page.behaviours(`${image}:1.4.2`, { offset: 3, limit: 4 })
    expect(some.rows).toEqual(whole.rows.slice(3, 7))
    expect(some.total).toBe(whole.rows.length)
    const found = await page.behaviours(`${image}:1.4.2`, {
      ...all,
      q: 'SHADOW',
      state: 'quarantined',
    })
    expect(found.rows.map(({ text }) => text)).toEqual(['read /etc/shadow'])
    expect(found.states).toEqual(whole.states)
  })
})

describe('review', () => {
  it('has one card for each cause, the gravest first, with the delta of a new version', async () => {
    const { cards, total, behaviours, repositories } = await world.engine.page.review(all)
    expect(total).toBe(cards.length)
    expect(behaviours).toBe(cards.reduce((sum, each) => sum + each.behaviours, 0))
    expect(cards[0]?.guardrails).not.toEqual([])
    expect(repositories).toEqual({ [image]: total })
    expect(await card('runs /usr/bin/shop-pay')).toMatchObject({
      places: [{ tags: ['1.5.0'], behaviourState: 'learned' }],
      reasons: [expect.stringContaining('has never executed /usr/bin/shop-pay')],
    })
    const guarded = await card('shows 3 behaviours, with its programs')
    expect(guarded.samples).toContainEqual(
      expect.objectContaining({ text: 'read /etc/shadow', guardrails: ['shadow-read'] }),
    )
    expect(guarded).toMatchObject({ actor: '/bin/sh', alerts: Array(3).fill(expect.any(String)) })
  })

  it('has an intruder and an upgrade on few cards', async () => {
    const texts = (await world.engine.page.review(all)).cards.map(({ text }) => text)
    expect(texts).toEqual([
      'shows 3 behaviours, with its programs',
      'reads /srv/shop/payment.php',
      expect.stringMatching(/^runs \/bin\/sh .*, and 5 more behaviours follow$/),
      'runs /usr/bin/shop-pay, and 4 more behaviours follow',
    ])
  })

  it('finds a card by the text of any of its behaviours', async () => {
    const found = await world.engine.page.review({ ...all, q: 'API.payments' })
    expect(found.cards.map(({ text }) => text)).toEqual([
      'runs /usr/bin/shop-pay, and 4 more behaviours follow',
    ])
  })

  it('joins the same behaviour of two versions into one card', async () => {
    await world.engine.endLearning(`${image}:1.5.0`, by)
    const old = story.deviation('/srv/shop/backup.php')
    const digest = (await world.engine.image(image)).versions[1]?.image.digest
    await happens([
      ...old,
      ...old.map((event) => ({ ...event, image: { ...imageOf(event), digest } }) as SnugEvent),
    ])
    expect(await card('reads /srv/shop/backup.php')).toMatchObject({ places: [{}, {}], count: 2 })
  })

  it('omits a decided card, and has it again once the decision is withdrawn', async () => {
    const { places } = await card('runs /usr/bin/shop-pay')
    const [place] = places
    const { behaviours = [] } = place ?? {}
    await world.engine.approve(place?.ref ?? '', behaviours, by)
    await expect(card('runs /usr/bin/shop-pay')).rejects.toThrow('no card')
    await world.engine.withdraw(place?.ref ?? '', behaviours, by)
    expect((await card('runs /usr/bin/shop-pay')).places[0]?.revision).not.toBe(place?.revision)
  })
})

describe('alert rows', () => {
  it('are filtered, counted and cut', async () => {
    const { page } = world.engine
    const whole = await page.alertRows(all)
    const grave = await page.alertRows({ ...all, severity: 'high' })
    expect(grave.total).toBe(whole.severities.high + whole.severities.critical)
    expect(grave.severities).toEqual(whole.severities)
    expect(await page.alertRows({ ...all, q: 'kdevtmpfsi', limit: 1 })).toMatchObject({
      total: 3,
      rows: [{}],
    })
    const held = await page.alertRows({ ...all, until: whole.rows[2]?.id ?? '' })
    expect(held.rows[0]?.id).toBe(whole.rows[2]?.id)
  })

  it('are grouped by behaviour on request', async () => {
    const before = (await world.engine.page.alertRows(all)).total
    const again = story
      .intruder()
      .map((event) => ({ ...event, container: { id: 'f'.repeat(64), name: 'web-2' } }) as SnugEvent)
    await happens(again)
    const grouped = await world.engine.page.alertRows({ ...all, grouped: true })
    expect(grouped.total).toBe(before)
    expect(grouped.rows[0]).toMatchObject({ alerts: 2, containers: 2 })
  })
})

describe('the story of an alert', () => {
  it('has its ancestry and the events of its container around it', async () => {
    const { page } = world.engine
    const [row] = (await page.alertRows({ ...all, q: '/etc/crontab' })).rows
    const { ancestry, steps, scope, revision } = await page.story(row?.id ?? '')
    expect(ancestry.map(({ exe, known }) => `${exe} ${known}`)).toEqual([
      '/docker-entrypoint.sh true',
      '/usr/sbin/nginx true',
      '/usr/bin/php-fpm8.4 true',
      '/bin/sh false',
    ])
    const at = steps.findIndex(({ alert }) => alert === row?.id)
    expect(steps.slice(0, at).map(({ text }) => text)).toContain('read /etc/shadow')
    expect(steps.toSorted((a, b) => (a.time < b.time ? -1 : 1))).toEqual(steps)
    expect({ scope, revision }).toEqual({ scope: 'container', revision: row?.revision })
  })

  it('marks deviations for which the profile has no room, and these can still be allowed', async () => {
    const { engine } = world
    await happens(story.many(1))
    const archive = story.archiveRepository
    await engine.setMode(archive, 'alert', by)
    await happens(story.strays(5_001))
    const [kept] = world.daemon.alerts.list({ limit: 9, text: '/srv/stray' })
    expect(kept?.count).toBe(5_001)
    await happens(story.strays(1, '/opt/stray'))
    const [beyond] = world.daemon.alerts.list({ limit: 9, text: '/opt/stray' })
    expect((await engine.page.story(kept?.id ?? '')).inProfile).toBe(true)
    expect((await engine.page.story(beyond?.id ?? '')).inProfile).toBe(false)
    await engine.allowAlert(beyond?.id ?? '', {}, by)
    expect((await engine.page.story(beyond?.id ?? '')).inProfile).toBe(true)
  })
})

describe('taking back a decision on an alert', () => {
  it('opens it again and takes the allowance away', async () => {
    const { engine } = world
    const [row] = (await engine.page.alertRows({ ...all, q: 'crontab' })).rows
    const id = row?.id ?? ''
    await engine.allowAlert(id, {}, by)
    expect((await engine.page.alertRows({ ...all, q: 'crontab', decided: true })).total).toBe(1)
    await engine.withdrawAlert(id, by)
    expect(engine.alert(id).decision).toBeUndefined()
    expect((await card('shows 3 behaviours')).guardrails).toContain('cron')
    const [entry] = await engine.audit(1)
    expect(entry).toMatchObject({ what: 'withdraw', alert: id })
  })

  it('removes a behaviour that only the decision had added', async () => {
    const { engine } = world
    const [row] = (await engine.page.alertRows({ ...all, q: '198.51.100.9:80' })).rows
    const size = (await engine.profile(`${image}:1.4.2`)).behaviours.length
    await engine.allowAlert(row?.id ?? '', { peer: '198.51.100.0/24' }, by)
    expect((await engine.profile(`${image}:1.4.2`)).behaviours).toHaveLength(size + 1)
    await engine.withdrawAlert(row?.id ?? '', by)
    expect((await engine.profile(`${image}:1.4.2`)).behaviours).toHaveLength(size)
  })
})

function imageOf(event: SnugEvent): object {
  return event.image ?? {}
}
