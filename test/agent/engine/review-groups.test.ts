import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { startVersion } from '../../../src/core/lifecycle/version.ts'
import { causeOf, kindKey } from '../../../src/core/match/cause.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { finish } from '../../../src/core/steps.ts'
import { isOpen } from '../../../src/agent/reading/profile-graph.ts'
import { ListedCards } from '../../../src/agent/reading/listed-cards.ts'
import { reviewPage } from '../../../src/agent/reading/review-cards.ts'
import { groupsOf, type ReviewGroup } from '../../../src/agent/reading/review-groups.ts'
import { DeployedVersion } from '../../../src/agent/records/versions/deployed-version.ts'
import { act, feed, shaper } from '../../fixtures/event-fixture.ts'
import { cases } from '../../fixtures/random-cases.ts'
import { acts } from '../../property/event-arbitrary.ts'

interface Seen {
  readonly learned: readonly ActEvent[]
  readonly later: readonly ActEvent[]
}

const seen: fc.Arbitrary<Seen> = fc.record({
  learned: fc.array(acts, { maxLength: 12 }),
  later: fc.array(acts, { maxLength: 40 }),
})

function versionOf(repository: string, digest: string, { learned, later }: Seen): DeployedVersion {
  const profile = new Profile(shaper)
  feed(profile, learned, 'learned')
  feed(profile, later, 'later')
  const life = startVersion(digest, 0)
  return new DeployedVersion({ repository, digest }, life, profile, '2026-11-24T13:40:27Z')
}

/** Two versions of one image, of which the second follows the first, and another image. */
const world = fc.tuple(seen, seen, seen).map(([a, b, c]) => {
  const first = versionOf('shop/web', 'sha256:aa', a)
  const second = versionOf('shop/web', 'sha256:bb', b)
  const versions = [first, second, versionOf('shop/db', 'sha256:cc', c)]
  const predecessorOf = (version: DeployedVersion) => (version === second ? first : undefined)
  return { versions, predecessorOf, groups: finish(groupsOf(versions, predecessorOf)) }
})

function cardsOf(later: readonly ActEvent[]): readonly string[] {
  const read = {
    versions: [versionOf('shop/web', 'sha256:aa', { learned: [], later })],
    predecessorOf: () => undefined,
    scopesExpecting: () => [],
    explained: () => undefined,
    alerts: [],
    listed: new ListedCards(),
  }
  return finish(reviewPage(read, { offset: 0, limit: 100 })).cards.map(({ text }) => text)
}

function listed(groups: readonly ReviewGroup[]): unknown {
  return groups.map(({ key, members }) => ({
    key,
    members: members.map(({ version, id, state }) => [version.key, id, state]),
  }))
}

describe('the cards of what waits for review', () => {
  it('have every behaviour that waits in exactly one of them', () => {
    fc.assert(
      fc.property(world, ({ versions, groups }) => {
        const grouped = groups.flatMap(({ members }) =>
          members.map(({ version, id }) => `${version.key} ${id}`),
        )
        expect(new Set(grouped).size).toBe(grouped.length)
        const open = versions.flatMap(({ key, profile }) =>
          [...profile.outline()]
            .filter(({ state }) => isOpen(state))
            .map(({ id }) => `${key} ${id}`),
        )
        expect(grouped).toEqual(expect.arrayContaining(open))
      }),
      { numRuns: cases(100) },
    )
  })

  it('are those of the profiles as they are now', () => {
    fc.assert(
      fc.property(
        world,
        fc.array(acts, { maxLength: 6 }),
        fc.nat({ max: 3 }),
        (old, more, what) => {
          const { versions, predecessorOf } = old
          const [first, second] = versions
          if (first === undefined || second === undefined) throw new Error('no versions')
          feed(what === 0 ? first.profile : second.profile, more, what === 1 ? 'learned' : 'later')
          const [one] = second.profile.entries()
          if (what === 2 && one !== undefined) {
            second.profile.decide(one.id, {
              by: 'ann',
              at: '2026-11-25T00:00:00Z',
              kind: 'approved',
            })
          }
          if (what === 3) second.life = { ...second.life, state: 'enforced' }
          // Of other objects, nothing is known from before.
          const fresh = versions.map(({ image, life, profile, firstSeen }) => {
            return new DeployedVersion(image, life, profile, firstSeen)
          })
          const before = (version: DeployedVersion): DeployedVersion | undefined =>
            version === fresh[1] ? fresh[0] : undefined
          expect(listed(finish(groupsOf(versions, predecessorOf)))).toEqual(
            listed(finish(groupsOf(fresh, before))),
          )
        },
      ),
      { numRuns: cases(100) },
    )
  })

  it('mix neither images, nor behaviours with a guardrail and without one', () => {
    fc.assert(
      fc.property(world, ({ groups }) => {
        expect(new Set(groups.map(({ key }) => key)).size).toBe(groups.length)
        for (const { repository, guarded, members } of groups) {
          for (const { version, state } of members) {
            expect(version.image.repository).toBe(repository)
            expect(state === 'quarantined').toBe(guarded)
          }
        }
      }),
      { numRuns: cases(100) },
    )
  })

  it('fold by the cause that alerts fold by', () => {
    fc.assert(
      fc.property(world, ({ groups }) => {
        const causes = groups
          .filter(({ grouping }) => grouping === 'cause')
          .map((group) => {
            const ids = new Set(group.members.map((each) => causeOf(each).id))
            // Of one kind of file, all folders are one card.
            if (ids.size > 1) {
              const kinds = new Set(group.members.map((each) => kindKey(each)))
              expect([kinds.size, kinds.has(undefined)]).toEqual([1, false])
            }
            return `${group.repository} ${group.guarded} ${[...ids].join()}`
          })
        expect(new Set(causes).size).toBe(causes.length)
      }),
      { numRuns: cases(50) },
    )
  })

  it('are one for all folders in which a program has files that are neither code nor settings', () => {
    const written = (paths: readonly string[]) => paths.map((path) => act.file(path, ['write']))
    const notes = ['a', 'b', 'c', 'd', 'e', 'f'].map((user) => `/srv/notes/${user}/n1.txt`)
    expect(cardsOf(written(notes.slice(0, 1)))).toEqual(['writes /srv/notes/a/n1.txt'])
    expect(cardsOf(written(notes))).toEqual(['writes 6 files in several folders below /srv/notes/'])
    const kinds = notes.map((path, i) =>
      path.replace('.txt', ['.txt', '.csv', '.log'][i % 3] ?? ''),
    )
    expect(cardsOf(written(kinds))).toEqual(['writes 6 files in several folders below /srv/notes/'])
    // What was dropped among them may be a program.
    expect(cardsOf(written([...kinds, '/srv/notes/a/miner']))).toHaveLength(2)
    // A script or a hidden file is another kind, and settings are decided one by one.
    const others = ['/srv/notes/a/x.php', '/srv/notes/b/.x', '/srv/notes/c/.x']
    expect(cardsOf(written([...notes, ...others]))).toHaveLength(4)
    const settings = ['a', 'b', 'c', 'd', 'e', 'f'].map((user) => `/etc/notes/${user}/n1.txt`)
    expect(cardsOf(written(settings))).toHaveLength(6)
  })

  it('are one for the people as whom a program acts, and never with a change by which it becomes root', () => {
    const takes = [act.identity(0, 1_001), act.identity(0, 1_002), act.identity(1_001, 1_002)]
    expect(cardsOf(takes)).toEqual(['changes identity, 3 changes'])
    expect(cardsOf([...takes, act.identity(0, 33), act.identity(1_001, 0)])).toHaveLength(3)
  })

  it('are one for what a program reads that is no secret, and for its sockets', () => {
    const read = ['/etc/app/a.conf', '/etc/other/b.conf', '/etc/c.conf'].map((path) =>
      act.file(path),
    )
    const secret = ['/etc/app/tls.key', '/etc/other/tls.key'].map((path) => act.file(path))
    const sockets = ['/run/app/log', '/run/other/api'].map((path) =>
      act.connect(path, 0, {}, 'unix'),
    )
    const peers = ['10.0.0.7', '10.0.0.8'].map((peer) => act.connect(peer, 5432))
    expect(cardsOf([...read, ...secret]).toSorted()).toEqual([
      'reads /etc/app/tls.key',
      'reads /etc/other/tls.key',
      'reads 3 files in several folders below /etc/',
    ])
    expect(cardsOf([...sockets, ...peers]).toSorted()).toEqual([
      'connects to 2 peers',
      'connects to tcp 10.0.0.7:5432',
      'connects to tcp 10.0.0.8:5432',
    ])
  })

  it('are one for the scripts of jobs, in folders that are never given twice', () => {
    const started = ['x3Kq9a', 'Zb71Qd', 'p0QwE4'].flatMap((job) => {
      const script = `/srv/jobs/work.${job}/build.sh`
      const exec = { path: '/usr/bin/dash', drift: false, script }
      const by = act.file('/etc/build.conf', ['read'], { exe: '/usr/bin/dash' })
      return [
        { ...act.exec('/usr/bin/dash'), kind: 'exec', exec } as const,
        { ...by, process: { ...by.process, script } },
      ]
    })
    expect(cardsOf(started)).toHaveLength(1)
  })

  it('are one for a program that the new image brings, which the card names with all that it does', () => {
    const announce = '/usr/local/bin/announce'
    const nginx = [act.file('/etc/nginx/nginx.conf')]
    const before = versionOf('shop/web', 'sha256:aa', { learned: nginx, later: [] })
    const by = { exe: announce }
    const upgraded = [
      act.exec(announce),
      act.exec('/usr/bin/curl', by),
      act.exec('/usr/bin/date', by),
      act.file('/var/lib/announce/state.dat', ['create'], by),
      act.connect('203.0.113.9', 443, by),
    ]
    const now = versionOf('shop/web', 'sha256:bb', { learned: [...nginx, ...upgraded], later: [] })
    const page = finish(
      reviewPage(
        {
          versions: [before, now],
          predecessorOf: (version) => (version === now ? before : undefined),
          scopesExpecting: () => [],
          explained: ({ object }) =>
            object.kind === 'exec' && object.path === announce ? 'the image adds it' : undefined,
          alerts: [],
          listed: new ListedCards(),
        },
        { offset: 0, limit: 100 },
      ),
    )
    expect(page.cards.map(({ actor, text }) => `${actor} ${text}`)).toEqual([
      `${announce} new in this version: changes files in 1 folder, runs 2 programs, connects to 1 peer`,
    ])
  })

  it('do not depend on the order of versions', () => {
    fc.assert(
      fc.property(world, ({ versions, predecessorOf, groups }) => {
        const again = finish(groupsOf(versions.toReversed(), predecessorOf))
        expect(again.map(({ key }) => key).sort()).toEqual(groups.map(({ key }) => key).sort())
      }),
      { numRuns: cases(100) },
    )
  })
})

describe('5,000 behaviours that wait', () => {
  /** Letters only, as numbered names would be taken for one pattern. */
  const names = Array.from({ length: 5_000 }, (_, i) =>
    [0, 1, 2, 3].map((at) => String.fromCharCode(97 + (Math.floor(i / 9 ** at) % 9))).join(''),
  )

  it.each([
    ['of one cause', (name: string) => `/srv/app/${name}.md`, 1],
    ['of as many causes', (name: string) => `/etc/${name}/x.md`, 5_000],
  ])('%s are read page by page, and decided on in one step', (_, pathOf, total) => {
    const version = versionOf('shop/web', 'sha256:aa', { learned: [], later: [] })
    const { profile } = version
    for (const name of names) {
      const event = act.file(pathOf(name), ['write'])
      profile.observe(event, behavioursOf(event, shaper), { phase: 'later' })
    }
    const world = {
      versions: [version],
      predecessorOf: () => undefined,
      scopesExpecting: () => [],
      explained: () => undefined,
      alerts: [],
      listed: new ListedCards(),
    }
    const page = finish(reviewPage(world, { offset: 0, limit: 100 }))
    expect([page.total, page.behaviours]).toEqual([total, 5_000])
    const ids = [...profile.outline()].map(({ id }) => id)
    const decision = { kind: 'approved', by: 'cli:root', at: '2026-11-24T13:40:27Z' } as const
    expect(profile.decideAll(ids, decision)).toBe(5_000)
    expect(finish(reviewPage(world, { offset: 0, limit: 1 })).total).toBe(0)
  })
})
