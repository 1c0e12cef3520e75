import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { admittedNames } from '../../src/core/learning/adversary.ts'
import { align } from '../../src/core/learning/alignment.ts'
import { certainForm } from '../../src/core/learning/notation.ts'
import { mayHoldPlaces, placesOf } from '../../src/core/learning/place.ts'
import { defaultVocabulary } from '../../src/core/learning/vocabulary.ts'
import type { Access } from '../../src/core/event/event-words.ts'
import { PathPattern } from '../../src/core/behaviour/language.ts'
import { shapedLanguage } from '../../src/core/behaviour/shape-pattern.ts'
import { mergeEntries } from '../../src/core/profile/merge.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { finish } from '../../src/core/steps.ts'
import { act, learned, outcome, shaper } from '../fixtures/event-fixture.ts'
import { isHeldOut, nameMakers, randomOf } from '../fixtures/name-makers.ts'
import { adversarialCount, long, measure, short, usesOf } from '../fixtures/place-study.ts'

/** Each bound on a share is close to its figure: the kinds and the seeds are fixed, so a change of it is a change of Snug. */
const folder = '/var/lib/service/work/'
const options = { ...defaultVocabulary, executed: [], isGuarded: () => false }

/** Mean share of refused new paths, over development kinds or held-out kinds. */
function refusedShare(heldOut: boolean, evidence: typeof short): number {
  const makers = nameMakers.filter((maker) => isHeldOut(maker) === heldOut)
  const shares = makers.map((maker) => {
    const { refused, drawn } = measure(maker, evidence, 1)
    return refused.length / drawn
  })
  return shares.reduce((sum, share) => sum + share, 0) / shares.length
}

describe('places of names that programs make up', () => {
  it('match new names after a minute of one container, including held-out kinds', () => {
    expect(refusedShare(false, short)).toBeLessThan(0.002)
    expect(refusedShare(true, short)).toBeLessThan(0.008)
  })

  it('match nearly all names after half an hour of three containers', () => {
    expect(refusedShare(false, long)).toBeLessThan(0.002)
    expect(refusedShare(true, long)).toBeLessThan(0.011)
  })

  it('match most new names of one use after a single one, including held-out kinds', () => {
    const one = { units: 1, containers: 1, seconds: 1 }
    const certain = nameMakers.filter((maker) => {
      const random = randomOf(7)
      const paths = Array.from({ length: 20 }, (_, n) => maker.make(random, n)).flat()
      return paths.every((path) => certainForm(path.slice(path.lastIndexOf('/') + 1)) !== undefined)
    })
    for (const [heldOut, most] of [
      [false, 0.3],
      [true, 0.37],
    ] as const) {
      const makers = certain.filter((maker) => isHeldOut(maker) === heldOut)
      const refused = makers
        .map((maker) => measure(maker, one, 1))
        .map((m) => m.refused.length / m.drawn)
      expect(makers.length).toBeGreaterThan(10)
      expect(refused.reduce((sum, share) => sum + share, 0) / makers.length).toBeLessThan(most)
    }
  })

  it('match few of the names that an attacker leaves', () => {
    const shares = nameMakers.map(
      (maker) => measure(maker, short, 1).admitted.length / adversarialCount,
    )
    expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeLessThan(0.018)
  })

  it('match no code, no hidden file and no access path where uploads are pictures and texts', () => {
    const uploads = nameMakers.find(({ kind }) => kind === 'uploads with extensions')
    expect(uploads && measure(uploads, long, 1).admitted).toEqual([])
  })

  it('do not depend on the order of the evidence', () => {
    for (const maker of nameMakers) {
      const uses = usesOf(maker, short, randomOf(3), folder)
      expect(placesOf([...uses].reverse(), options)).toEqual(placesOf(uses, options))
    }
  })

  it('are never opened in system folders, and match nothing that was executed or is guarded', () => {
    const maker = nameMakers[0]
    if (maker === undefined) throw new Error('no kind of names')
    for (const closed of ['/usr/lib/x/', '/etc/x/', '/bin/', '/opt/x/', '/proc/1/', '/']) {
      expect(mayHoldPlaces(closed)).toBe(false)
      expect(placesOf(usesOf(maker, long, randomOf(1), closed), options)).toEqual([])
    }
    const uses = usesOf(maker, long, randomOf(1), folder)
    const [ran] = uses
    expect(placesOf(uses, options)).not.toEqual([])
    expect(placesOf(uses, { ...options, executed: [ran?.path ?? ''] })).toEqual([])
    expect(placesOf(uses, { ...options, isGuarded: (path) => path.startsWith(folder) })).toEqual([])
  })
})

describe('folders that are named in several ways', () => {
  const names = [
    'amber',
    'reed-bank12',
    '2026-08-11-dune',
    'pine.7f3a91c2',
    'olive_3_x',
    'Quartz81b',
  ]
  const act = (path: string, n: number, container = 'c1') => ({
    path,
    access: 'create' as const,
    container,
    origin: 'entrypoint' as const,
    first: n * 5_000_000,
    last: n * 5_000_000,
    acts: 1,
  })
  const uploads = names.flatMap((name, n) => [
    act(`/srv/files/${name}/page${n}.csv`, n),
    act(`/srv/files/${name}/note-${n}x.csv`, n),
  ])
  const takes = (uses: Parameters<typeof placesOf>[0], path: string): boolean =>
    placesOf(uses, options).some(({ templates }) =>
      templates.some((template) => new PathPattern(shapedLanguage(template)).has(path)),
    )

  it('are one kind: the next may be named in another way', () => {
    for (const folder of ['river', 'a-b_c.d', '3f2504e0-4f89-41d3-9a0c-0305e82c3301'])
      expect(takes(uploads, `/srv/files/${folder}/page9.csv`), folder).toBe(true)
  })

  it('are made under such names themselves, which are those of no file with an extension', () => {
    const made = [...uploads, ...names.map((name, n) => act(`/srv/files/${name}`, n))]
    expect(takes(made, '/srv/files/river')).toBe(true)
    expect(takes(made, '/srv/files/2027-03-01-river')).toBe(true)
    const admitted = admittedNames((name) => takes(made, `/srv/files/${name}`))
    expect(admitted.filter((name) => name.includes('.'))).toEqual([])
  })

  it('vary beside what is never given twice, where the other names vary as a whole', () => {
    const texts = ['lilac', 'reed-bank', 'oak2', 'stone_x', 'dune-kelp', 'fir'].map((name, n) =>
      act(`/srv/texts/${name}.txt`, n),
    )
    const drawn = act('/srv/texts/ridge.7f3a91c2.txt', 9)
    expect(takes([...texts, drawn], '/srv/texts/summit.4dab0aad.txt')).toBe(true)
    expect(takes([...texts, drawn], '/srv/texts/summit.php.txt')).toBe(false)
    expect(takes([...texts, drawn], '/srv/texts/summit.4dab0aad.php')).toBe(false)
    expect(takes(texts, '/srv/texts/summit.4dab0aad.txt')).toBe(false)
    // Alone, the word beside it may have a meaning.
    expect(takes([drawn], '/srv/texts/ridge.4dab0aad.txt')).toBe(true)
    expect(takes([drawn], '/srv/texts/summit.4dab0aad.txt')).toBe(false)
  })

  it('vary so with each extension of which the names vary as a whole', () => {
    const words = ['lilac', 'reed-bank', 'oak2', 'stone_x', 'dune-kelp', 'fir']
    const files = words.flatMap((name, n) => [
      act(`/srv/texts/${name}.txt`, n),
      act(`/srv/texts/${name}${n}.csv`, n),
      act(`/srv/texts/job-${n}4b.log`, n),
    ])
    const drawn = act('/srv/texts/ridge.7f3a91c2.csv', 9)
    expect(takes([...files, drawn], '/srv/texts/summit.4dab0aad.txt')).toBe(true)
    for (const other of ['summit.4dab0aad.log', 'summit.4dab0aad.php', 'summit.php.txt', 'a.b.txt'])
      expect(takes([...files, drawn], `/srv/texts/${other}`), other).toBe(false)
    expect(takes(files, '/srv/texts/summit.4dab0aad.txt')).toBe(false)
  })

  it('are not hidden ones, and hold no other files than they did', () => {
    for (const path of [
      '.river/page9.csv',
      'river/page9.php',
      'river/.htaccess',
      'river/a/page9.csv',
    ])
      expect(takes(uploads, `/srv/files/${path}`), path).toBe(false)
  })

  it('are not one kind beside a folder that holds other things, nor where names come again', () => {
    const settings = ['main.conf', 'users.db'].map((name, n) => act(`/srv/files/conf/${name}`, n))
    expect(takes(uploads, '/srv/files/a-b_c.d/page9.csv')).toBe(true)
    expect(takes([...uploads, ...settings], '/srv/files/a-b_c.d/page9.csv')).toBe(false)
    const again = names.flatMap((name, n) =>
      ['c1', 'c2', 'c3', 'c4'].map((container, c) =>
        act(`/srv/files/${name}/page${n}.csv`, c * 100 + n, container),
      ),
    )
    expect(takes(again, '/srv/files/a-b_c.d/page9.csv')).toBe(false)
  })
})

describe('an alignment', () => {
  it('takes separators that vary for no constant', () => {
    const titles = ['apple', 'river-stone', 'cloud7', 'paper_window_12', 'garden-x', 'silver']
    const [form, ...others] = finish(align(titles.map((title) => `${title}.md`))).alignments
    expect(others).toEqual([])
    expect(form?.template).toBe('<slug:255>.md')
    const taken = new PathPattern(shapedLanguage(form?.template ?? ''))
    expect(taken.has('2026-11-24-market.md')).toBe(true)
    for (const other of ['market.php', '.market.md', 'a/b.md']) expect(taken.has(other)).toBe(false)
  })

  it('keeps an extension before another one that all names have', () => {
    const titles = ['apple', 'river-stone', 'cloud7', 'paper_window_12', 'garden-x', 'silver']
    const { alignments } = finish(align(titles.map((title) => `${title}.json.part`)))
    expect(alignments.map(({ template }) => template)).toEqual(['<slug:255>.json.part'])
  })

  it('keeps forms apart that have a constant part', () => {
    const names = [1, 2, 3, 4].flatMap((n) => [`job-${n}x.in`, `lock_${n}y_z.in`])
    const templates = finish(align(names)).alignments.map(({ template }) => template)
    expect(templates.every((template) => /^(job|lock)/.test(template))).toBe(true)
  })

  it('matches the names that it was made of and returns the remaining ones', () => {
    const name = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 24 })
    fc.assert(
      fc.property(fc.array(name, { maxLength: 30 }), (names) => {
        const { alignments, rest } = finish(align(names))
        const aligned = alignments.flatMap((one) => one.names)
        expect(new Set([...aligned, ...rest])).toEqual(new Set(names))
        for (const { template } of alignments) expect(shapedLanguage(template)).toBeDefined()
      }),
    )
  })

  it('keeps words literal that are in all names', () => {
    const names = Array.from({ length: 12 }, (_, n) => `note${n}.txt`)
    expect(finish(align(names)).alignments.map(({ template }) => template)).toEqual([
      'note<digits:10>.txt',
    ])
  })

  it('answers in time that grows with the length of a name alone', () => {
    const pattern = new PathPattern(shapedLanguage('/q/<slug:255>-<alnum:255>.<alnum:255>'))
    expect(pattern.has(`/q/${'a-'.repeat(2_000)}!`)).toBe(false)
  })
})

describe('a place in a profile', () => {
  const at = (n: number): string =>
    `2026-11-24T13:4${Math.floor(n / 10)}:${10 + (n % 10) * 4}.000000Z`
  const job = (n: number): string => `/var/lib/jobs/queue/job-${(n * 7_919).toString(36)}x${n}.in`
  const lesson = (container: string, from: number) =>
    Array.from({ length: 8 }, (_, n) =>
      act.file(job(from + n), ['write'], { container, time: at(n) }),
    )
  const placesIn = (entries: readonly ProfileEntry[]) =>
    entries.flatMap(({ place }) => (place === undefined ? [] : [place.templates]))

  it('is derived again by a merge, in any order, and by loading', () => {
    const a = learned(...lesson('a', 1)).entries()
    const b = learned(...lesson('b', 100)).entries()
    const c = learned(...lesson('c', 1_000)).entries()
    const merged = mergeEntries(mergeEntries(a, b, shaper), c, shaper)
    expect(mergeEntries(c, mergeEntries(b, a, shaper), shaper)).toEqual(merged)
    expect(mergeEntries(merged, merged, shaper)).toEqual(merged)
    expect(Profile.load(merged, shaper).entries()).toEqual(merged)
    expect(placesIn(merged)).toHaveLength(1)
  })

  it('goes with the evidence that it was learned from', () => {
    const profile = learned(...lesson('a', 1))
    expect(outcome(profile, act.file(job(77), ['write']))).toBe('expected')
    profile.forget({ kind: 'container', container: 'a' })
    expect(placesIn(profile.entries())).toEqual([])
    expect(outcome(profile, act.file(job(77), ['write']))).toBe('deviation')
  })

  it('is not widened by events after learning', () => {
    const profile = learned(...lesson('a', 1))
    const before = placesIn(profile.entries())
    for (let n = 0; n < 20; n++) {
      const event = act.file(`/var/lib/jobs/queue/run${n}.sh`, ['write'])
      expect(outcome(profile, event)).toBe('deviation')
    }
    expect(placesIn(profile.entries())).toEqual(before)
  })

  it('lets only the program itself use its files', () => {
    const profile = learned(...lesson('a', 1))
    for (const access of ['create', 'write', 'read', 'delete', 'setattr'] as const) {
      expect(outcome(profile, act.file(job(77), [access]))).toBe('expected')
      expect(outcome(profile, act.file(job(77), [access], { exe: '/bin/sh' }))).toBe('deviation')
    }
    expect(outcome(profile, act.exec(job(77)))).toBe('deviation')
    expect(outcome(profile, act.file(job(77), ['write'], {}, { shipped: true }))).toBe('deviation')
  })
})

describe('folders that hold the same things', () => {
  const at = (n: number): string => `2026-11-24T13:40:${10 + (n % 40)}.000000Z`
  const files = (paths: readonly string[]) =>
    paths.map((path, n) => act.file(path, ['write'], { container: 'a', time: at(n) }))
  const boxes = ['anna', 'carl', 'dora', 'luca'].flatMap((user) =>
    ['inbox/lock', 'inbox/index.log', 'sent/lock'].map((file) => `/srv/boxes/${user}/${file}`),
  )

  it('are expected under another name, with the same things below it', () => {
    const profile = learned(...files(boxes))
    expect(outcome(profile, act.file('/srv/boxes/olga/inbox/lock', ['write']))).toBe('expected')
    for (const other of ['olga/inbox/run.sh', 'olga/.profile', '.olga/inbox/lock', 'olga/x/lock']) {
      expect(outcome(profile, act.file(`/srv/boxes/${other}`, ['write']))).toBe('deviation')
    }
  })

  it('are expected under another name where people keep files of one kind in them', () => {
    const own = { anna: ['kelp', 'reed78'], carl: ['olive', 'wharf'], dora: ['fjord4', 'sable'] }
    const all = Object.entries(own).flatMap(([user, names]) =>
      names.map((name) => `/srv/boxes/${user}/${name}.txt`),
    )
    const profile = learned(...files(all))
    expect(outcome(profile, act.file('/srv/boxes/olga/grove.txt', ['write']))).toBe('expected')
    for (const other of ['olga/run.sh', 'olga/grove', '.olga/grove.txt', 'grove.txt'])
      expect(outcome(profile, act.file(`/srv/boxes/${other}`, ['write']))).toBe('deviation')
    // Two of them could be any folders.
    const two = learned(...files(all.slice(0, 4)))
    expect(outcome(two, act.file('/srv/boxes/olga/grove.txt', ['write']))).toBe('deviation')
  })

  it('are told from folders that merely stand beside each other', () => {
    const apart = ['bin/tool', 'conf/main.ini', 'data/lock', 'logs/today.log']
    const profile = learned(...files(apart.map((file) => `/srv/app/${file}`)))
    expect(outcome(profile, act.file('/srv/app/other/lock', ['write']))).toBe('deviation')
  })

  it('stay literal where nothing new has come for long', () => {
    const many = Array.from(
      { length: 80 },
      (_, n) => `/srv/boxes/u${String(n).padStart(3, '0')}x/lock`,
    )
    const uses = many.flatMap((path) => [1, 2, 3, 4].map((n) => ({ path, n })))
    const profile = learned(
      ...uses.map(({ path, n }) =>
        act.file(path, ['write'], {
          container: `c${n}`,
          time: `2026-11-24T1${n}:00:00.000000Z`,
        }),
      ),
    )
    expect(outcome(profile, act.file('/srv/boxes/u999x/lock', ['write']))).toBe('deviation')
  })
})

describe('renames of a program', () => {
  const move = (from: string, to: string) => act.file(from, ['rename'], { container: 'a' }, { to })
  const draft = (n: number): string => `/srv/drafts/${(n * 7_919).toString(36)}x${n}`
  const page = (n: number): string => `/srv/pages/note${n}.txt`

  it('to a name that is never given twice are expected after one', () => {
    const gone = (name: string): string => `/srv/gone/${name}`
    const once = learned(move('/srv/incoming', gone('2635490450')))
    expect(outcome(once, move('/srv/incoming', gone('1162426252')))).toBe('expected')
    for (const [from, to] of [
      ['/srv/incoming', gone('run.sh')],
      ['/srv/incoming', gone('n17')],
      ['/srv/other', gone('1162426252')],
      [gone('1162426252'), '/srv/incoming'],
    ] as const)
      expect(outcome(once, move(from, to)), `${from} ${to}`).toBe('deviation')
    const named = learned(move('/srv/incoming', gone('morning')))
    expect(outcome(named, move('/srv/incoming', gone('evening')))).toBe('deviation')
  })

  it('between its own places are expected once it renamed two names', () => {
    const events = Array.from({ length: 12 }, (_, n) => [
      act.file(draft(n), ['write'], {
        container: 'a',
        time: `2026-11-24T13:40:${10 + n * 3}.000000Z`,
      }),
      act.file(page(n), ['write'], {
        container: 'a',
        time: `2026-11-24T13:40:${11 + n * 3}.000000Z`,
      }),
    ]).flat()
    const profile = learned(...events, move(draft(1), page(1)), move(draft(2), page(2)))
    expect(outcome(profile, move(draft(77), page(99)))).toBe('expected')
    expect(outcome(profile, move(draft(77), '/srv/pages/note9.php'))).toBe('deviation')
    expect(outcome(profile, move('/srv/pages/note9.txt', '/srv/other/note9.txt'))).toBe('deviation')
  })
})

describe('files that a program gives to another user', () => {
  it('have a place of their own, in which it may do nothing else', () => {
    const at = (n: number): string => `2026-11-24T13:40:${10 + n * 3}.000000Z`
    const job = (n: number): string => `/var/lib/jobs/queue/${n * 7919}.in`
    const events = Array.from({ length: 16 }, (_, n) =>
      act.file(job(n), ['setattr'], { exe: '/bin/chown', container: 'a', time: at(n) }),
    )
    const profile = learned(...events)
    const given = (path: string, access: Access): string =>
      outcome(profile, act.file(path, [access], { exe: '/bin/chown' }))
    const places = profile.entries().flatMap(({ place }) => place?.class ?? [])
    expect(places).toEqual(['setattr'])
    expect(given(job(77), 'setattr')).toBe('expected')
    expect(given(job(77), 'read')).toBe('deviation')
    expect(given('/var/lib/jobs/other.in', 'setattr')).toBe('deviation')
    expect(given('/var/lib/jobs/queue/run.sh', 'setattr')).toBe('deviation')
  })
})

describe('names of one use that a program removes', () => {
  it('are expected again after one, and those that it only reads are not', () => {
    const at = (name: string): string => `/srv/gone/${name}`
    const removed = learned(act.file(at('2635490450'), ['delete']))
    expect(outcome(removed, act.file(at('1162426252'), ['delete']))).toBe('expected')
    expect(outcome(removed, act.file(at('1162426252'), ['write']))).toBe('deviation')
    const read = learned(act.file(at('2635490450'), ['read']))
    expect(outcome(read, act.file(at('1162426252'), ['read']))).toBe('deviation')
  })
})
