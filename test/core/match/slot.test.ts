import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { mainRef, riskFactsOf, riskOf } from '../../../src/core/match/risk.ts'
import { judge } from '../../../src/core/match/judge.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { act, guardrails, learned, shaper } from '../../fixtures/event-fixture.ts'

const root = { uid: 0 }
const at = (second: number) => ({ time: `2026-11-24T13:40:${String(second).padStart(2, '0')}Z` })

/** The severity of an event that the profile does not expect. */
function severity(profile: Profile, event: ActEvent): string {
  const ref = mainRef(behavioursOf(event, shaper))
  return ref === undefined ? '' : riskOf(riskFactsOf(profile, event, ref))
}

const written = (path: string, second = 0): ActEvent => act.file(path, ['write'], at(second))

describe('a change in open parts', () => {
  const users = ['anna', 'boris', 'chen', 'dora']
  const mail = learned(
    ...users.flatMap((user, i) =>
      ['cur', 'new'].flatMap((folder) => [
        written(`/srv/mail/${user}/${folder}/${i}8f3a1b.eml`, i * 3),
        written(`/srv/mail/${user}/${folder}/${i}c7d2e4.eml`, i * 3 + 1),
        written(`/srv/mail/${user}/index.log`, i * 3 + 2),
      ]),
    ),
  )

  it('is one of a kind that is known, anywhere below a folder with ever new names', () => {
    expect(severity(mail, written('/srv/mail/elif/Archive/2026/cur/7a.eml'))).toBe('low')
    expect(severity(mail, written('/srv/mail/elif/Archive/index.log'))).toBe('low')
  })

  it('is none of another kind, hidden or elsewhere, and no link', () => {
    expect(severity(mail, written('/srv/mail/elif/Archive/2026/shell.php'))).toBe('medium')
    expect(severity(mail, written('/srv/mail/elif/.hidden'))).toBe('medium')
    expect(severity(mail, written('/data/mail/elif/cur/7a.eml'))).toBe('medium')
    expect(
      severity(mail, act.file('/srv/mail/elif/cur/x.eml', ['create'], {}, { to: '/etc/hosts' })),
    ).toBe('medium')
  })

  it('is one of code that it takes away in several folders there, at any depth', () => {
    const taken = (path: string, second = 0): ActEvent => act.file(path, ['delete'], at(second))
    const jobs = users.flatMap((user, i) => [
      taken(`/srv/jobs/${user}${i}.job/${i}8f3a1b.csv`, i * 3),
      taken(`/srv/jobs/${user}${i}.job/${i}c7d2e4.csv`, i * 3 + 1),
    ])
    const deeper = taken('/srv/jobs/elif.job/part/run.sh')
    const scripts = users.map((user, i) => taken(`/srv/jobs/${user}${i}.job/${user}.sh`, 20 + i))
    expect(severity(learned(...jobs, ...scripts.slice(0, 1)), deeper)).toBe('medium')
    expect(severity(learned(...jobs, ...scripts.slice(0, 2)), deeper)).toBe('low')
    const other = taken('/srv/jobs/elif.job/part/a.php')
    expect(severity(learned(...jobs, ...scripts), other)).toBe('medium')
    // Elsewhere, what it does there says nothing.
    expect(severity(learned(...jobs, ...scripts), taken('/srv/www/part/run.sh'))).toBe('medium')
  })

  it.each(['truncate', 'utimensat'])('is %s of a file that the program may make', (name) => {
    const called = (target: string, process = {}): ActEvent => act.syscall(name, process, target)
    expect(severity(mail, called('/srv/mail/elif/Archive/2026/cur/7a.eml'))).toBe('low')
    expect(severity(mail, called('/srv/mail/elif/Archive/2026/shell.php'))).toBe('medium')
    expect(severity(mail, called('/srv/mail/elif/Archive/2026/cur/7a.eml', root))).toBe('medium')
    expect(severity(mail, called('/etc/7a.eml'))).toBe('medium')
  })

  it('is one in a folder that differs in one part from one that is known', () => {
    const files = ['docs', 'wiki'].flatMap((name) => [
      written(`/srv/shop/${name}/db/state/4/props`),
      written(`/srv/shop/${name}/db/lock`),
    ])
    const shop = learned(...files)
    expect(severity(shop, written('/srv/shop/site/db/state/4/props'))).toBe('low')
    // A single one shows no part that varies.
    const one = learned(...files.slice(0, 2))
    expect(severity(one, written('/srv/shop/site/db/state/4/props'))).toBe('medium')
    expect(severity(shop, written('/srv/shop/site/db/other/4/props'))).toBe('medium')
    expect(severity(shop, written('/data/shop/docs/db/state/4/props'))).toBe('medium')
  })

  it('is the deletion of a file that the program makes, and of no other', () => {
    const spool = learned(
      act.file('/var/spool/work/purge', ['create']),
      written('/var/spool/work/daemon.lock'),
    )
    expect(severity(spool, act.file('/var/spool/work/daemon.lock', ['delete']))).toBe('low')
    expect(severity(spool, act.file('/var/spool/work/other.db', ['delete']))).toBe('medium')
    expect(severity(spool, written('/var/spool/work/purge/run.sh'))).toBe('medium')
    // Of another user it says nothing.
    expect(severity(spool, act.file('/var/spool/work/daemon.lock', ['delete'], root))).toBe(
      'medium',
    )
  })
})

describe('a rename within a folder', () => {
  const renamed = (from: string, to: string): ActEvent => act.file(from, ['rename'], {}, { to })
  // The names of the place are those of both kinds, and the window showed renames too.
  const store = learned(
    ...['anna', 'boris', 'chen', 'dora'].flatMap((user, i) =>
      [0, 1, 2].flatMap((n) => {
        const folder = `/srv/board/${user}/2026-11-${10 + n}`
        const draft = `${folder}/task${i}${n}8f3a1b77.draft`
        return [
          written(draft, i * 3 + n),
          act.file(draft, ['rename'], at(i * 3 + n), { to: `${folder}/note${i}${n}.task` }),
        ]
      }),
    ),
  )
  const folder = '/srv/board/elif/2026-11-20'

  it('is usual where the program makes files of both names', () => {
    expect(severity(store, renamed(`${folder}/task1x.draft`, `${folder}/elm.5d1c.task`))).toBe(
      'low',
    )
  })

  it('is not where it makes none of the new kind, or none of the former', () => {
    for (const kind of ['php', 'locked', 'sh']) {
      expect(severity(store, renamed(`${folder}/a.task`, `${folder}/a.${kind}`)), kind).toBe(
        'medium',
      )
    }
    expect(severity(store, renamed(`${folder}/index.php`, `${folder}/index.task`))).toBe('medium')
  })

  it('is not into another folder, or of another user', () => {
    expect(
      severity(store, renamed(`${folder}/a.draft`, '/srv/board/fritz/2026-11-20/a.task')),
    ).toBe('medium')
    expect(severity(store, renamed('/data/a.draft', '/data/a.task'))).toBe('medium')
    const byRoot = act.file(`${folder}/a.draft`, ['rename'], root, { to: `${folder}/a.task` })
    expect(severity(store, byRoot)).toBe('medium')
  })
})

describe('a further name for a file', () => {
  const linked = (name: string, file: string): ActEvent =>
    act.file(name, ['create'], {}, { to: file })
  const repository = learned(
    ...['ab', 'c1', '9f'].flatMap((folder, n) => [
      written(`/srv/git/objects/${folder}/tmp_obj_${n}xK3vQ`, n),
      act.file(`/srv/git/objects/${folder}/${n}b77cc1d2e`, ['create'], at(n)),
    ]),
  )

  it('is usual where the program may make files of both names: it is no more than a copy', () => {
    expect(
      severity(
        repository,
        linked('/srv/git/objects/77/5b77cc1d2e', '/srv/git/objects/77/tmp_obj_9'),
      ),
    ).toBe('low')
  })

  it('is not for a file that it does not make, or where it makes none', () => {
    for (const [name, file] of [
      ['/srv/git/objects/77/5b77cc1d2e', '/etc/passwd'],
      ['/srv/git/objects/77/5b77cc1d2e', '/srv/keys/private.pem'],
      ['/srv/www/index.html', '/srv/git/objects/77/tmp_obj_9'],
      ['/srv/git/objects/77/hook.sh', '/srv/git/objects/77/tmp_obj_9'],
    ] as const)
      expect(severity(repository, linked(name, file)), `${name} ${file}`).not.toBe('low')
  })
})

describe('a kind of file that is new', () => {
  const uploads = (...kinds: readonly string[]) =>
    learned(
      ...kinds.flatMap((kind, k) =>
        [0, 1, 2, 3, 4].map((n) => written(`/srv/uploads/${n}f${k}8a3b1.${kind}`, k * 10 + n)),
      ),
    )

  it('is usual among several kinds, unless it is code, settings or hidden', () => {
    const profile = uploads('txt', 'pdf')
    expect(severity(profile, written('/srv/uploads/7c.csv'))).toBe('low')
    for (const name of ['7c.php', '7c.sh', '7c.conf', '.csv', 'other'])
      expect(severity(profile, written(`/srv/uploads/${name}`))).toBe('medium')
    const rename = act.file('/srv/uploads/1.txt', ['rename'], {}, { to: '/srv/uploads/1.enc' })
    expect(severity(profile, rename)).toBe('medium')
    const within = act.file('/srv/uploads/1.csv', ['rename'], {}, { to: '/srv/uploads/2.csv' })
    expect(severity(profile, within)).toBe('low')
  })

  it('is not usual where there is one kind', () => {
    expect(severity(uploads('txt'), written('/srv/uploads/7c.csv'))).toBe('medium')
  })
})

describe('a kind of data that is new, in ever new folders', () => {
  const uploads = (...kinds: readonly string[]) =>
    learned(
      ...['anna', 'boris', 'chen', 'dora'].flatMap((user, u) =>
        kinds.map((kind, k) => written(`/home/${user}/a${u}b${k}/c${u}d${k}${kind}`, u * 4 + k)),
      ),
    )

  it('is usual where the window showed several kinds, whatever these are', () => {
    const mixed = uploads('.txt', '.blob')
    expect(severity(mixed, written('/home/elif/new/note.csv'))).toBe('low')
    for (const name of ['note.php', 'note.conf', 'note.so', 'note.exotic', '.note'])
      expect(severity(mixed, written(`/home/elif/new/${name}`)), name).toBe('medium')
  })

  it('is not where it showed one kind, beside files without any', () => {
    expect(severity(uploads('.txt', ''), written('/home/elif/new/note.csv'))).toBe('medium')
  })
})

describe('a folder that differs in several parts', () => {
  const albums = learned(
    written('/home/chen/sable/maple.txt'),
    written('/home/chen/pine.txt'),
    written('/home/dora/prairie/meadow.pdf'),
    written('/home/dora/prairie/meadow.txt'),
  )
  const renamed = (from: string, to: string): ActEvent => act.file(from, ['rename'], {}, { to })

  it('is in open parts where known folders differ in the same ones, with a kind that they have', () => {
    for (const path of ['/home/elif/quartz/valley.txt', '/home/elif/quartz/valley.csv'])
      expect(severity(albums, written(path)), path).toBe('low')
    const rename = renamed('/home/elif/quartz/a.csv', '/home/elif/quartz/b.csv')
    expect(severity(albums, rename)).toBe('low')
  })

  it('is not with code or hidden files, deeper, elsewhere, or after one such folder', () => {
    for (const path of [
      '/home/elif/quartz/x.php',
      '/home/elif/quartz/.x',
      '/home/elif/quartz/deep/valley.txt',
      '/data/elif/quartz/valley.txt',
    ])
      expect(severity(albums, written(path)), path).toBe('medium')
    const one = learned(written('/home/chen/sable/maple.txt'), written('/home/chen/pine.txt'))
    expect(severity(one, written('/home/elif/quartz/valley.txt'))).toBe('medium')
    const alike = learned(
      written('/home/chen/sable/maple.txt'),
      written('/home/dora/sable/meadow.txt'),
    )
    expect(severity(alike, written('/home/elif/quartz/valley.txt'))).toBe('medium')
  })

  it('is not for a deletion that was never seen, or a rename to another kind or place', () => {
    const file = '/home/elif/quartz/a.txt'
    expect(severity(albums, act.file(file, ['delete']))).toBe('medium')
    for (const to of ['/home/elif/quartz/a.enc', '/home/elif/other/a.txt'])
      expect(severity(albums, renamed(file, to)), to).toBe('medium')
  })

  it('needs several kinds of data for one more, and any kind that it showed may come again', () => {
    const one = learned(written('/home/chen/sable/a.dat'), written('/home/dora/prairie/b.dat'))
    expect(severity(one, written('/home/elif/quartz/valley.dat'))).toBe('low')
    expect(severity(one, written('/home/elif/quartz/valley.csv'))).toBe('medium')
  })
})

describe('an upload', () => {
  const names = ['a81f', 'b72e', 'c63d', 'd54c']
  const profile = learned(
    ...names.flatMap((name, n) => [
      written(`/srv/www/uploads/${name}.png`, n * 2),
      written(`/srv/www/uploads/${name}.pdf`, n * 2 + 1),
    ]),
  )

  it.each(
    'phar php php5 pht phtml jsp jspx asp aspx war jar js rb lua yml shtml pyc cgi so conf service'.split(
      ' ',
    ),
  )('is no data where an interpreter or a server may obey it: .%s', (kind) => {
    expect(severity(profile, written(`/srv/www/uploads/e45b.${kind}`))).toBe('medium')
  })

  it.each(['gif', 'docx', 'csv', 'mp4', 'txt'])('is data: .%s', (kind) => {
    expect(severity(profile, written(`/srv/www/uploads/e45b.${kind}`))).toBe('low')
  })
})

describe('a peer by its other protocol', () => {
  const asked = learned(act.connect('10.0.0.1', 53, {}, 'udp'))

  it('is as usual as by the first, at that port', () => {
    expect(severity(asked, act.connect('10.0.0.1', 53))).toBe('low')
    expect(severity(asked, act.connect('10.0.0.1', 853))).toBe('medium')
    expect(severity(asked, act.connect('10.0.0.2', 53))).toBe('medium')
    expect(severity(asked, act.connect('10.0.0.1', 53, { exe: '/bin/other' }))).toBe('medium')
  })
})

describe('a capability that is usual', () => {
  const profile = learned(
    act.capability('CAP_CHOWN', root),
    act.capability('CAP_KILL', { uid: 33 }),
  )

  it('is another one of root for files of others', () => {
    expect(severity(profile, act.capability('CAP_DAC_OVERRIDE', root))).toBe('low')
  })

  it('is none that is for more than files, and none of others than root', () => {
    expect(severity(profile, act.capability('CAP_SYS_ADMIN', root))).toBe('medium')
    expect(severity(profile, act.capability('CAP_DAC_OVERRIDE', { uid: 33 }))).toBe('medium')
    const other = { uid: 0, exe: '/usr/bin/other' }
    expect(severity(profile, act.capability('CAP_DAC_OVERRIDE', other))).toBe('medium')
  })
})

describe('a file that is put aside', () => {
  const log = learned(written('/var/log/app/queries.log'), written('/var/log/app/other.log'))
  const moved = (from: string, to: string): ActEvent =>
    act.file(`/var/log/app/${from}`, ['rename'], {}, { to: `/var/log/app/${to}` })

  it('is usual under its name with a number or a time', () => {
    for (const end of ['.0', '.12', '-20261127', '.2026-11-27T10:00:00Z', '_2026-11-27_10'])
      expect(severity(log, moved('queries.log', `queries.log${end}`)), end).toBe('low')
    expect(severity(log, moved('queries.log.0', 'queries.log.1'))).toBe('low')
  })

  it('is not usual under another name, or where the program does not write it', () => {
    for (const to of [
      'queries.log.enc',
      'queries.log.1.php',
      'queries.log-',
      'x.1',
      'queries.log1',
    ])
      expect(severity(log, moved('queries.log', to)), to).toBe('medium')
    expect(severity(log, moved('unknown.db', 'queries.log.1'))).toBe('medium')
    expect(severity(log, moved('unknown.db', 'unknown.db.1'))).toBe('medium')
  })
})

describe('a file with a number behind its name, in a window that showed several', () => {
  const cached = (n: number): ActEvent => written(`/srv/db/global/init.cache.${n}`, n)
  const cache = learned(
    ...[3, 4, 5].flatMap((n) => [
      cached(n),
      act.file(`/srv/db/global/init.cache.${n}`, ['rename'], at(n), {
        to: '/srv/db/global/init.cache',
      }),
    ]),
  )

  it('is the same file with a further number, and may be deleted without one', () => {
    const rename = act.file(
      '/srv/db/global/init.cache.4711',
      ['rename'],
      {},
      {
        to: '/srv/db/global/init.cache',
      },
    )
    expect(severity(cache, rename)).toBe('low')
    expect(severity(cache, act.file('/srv/db/global/init.cache', ['delete']))).toBe('low')
    expect(severity(cache, act.file('/srv/db/global/init.other', ['delete']))).toBe('medium')
  })
})

describe('a file that is cleared away', () => {
  const gone = (path: string, exe = '/bin/rm'): ActEvent => act.file(path, ['delete'], { exe })
  const worker = learned(...['amber', 'basil'].map((job) => gone(`/srv/jobs/${job}/list.txt`)))

  it('is in open parts in a folder beside two that were cleared of it', () => {
    expect(severity(worker, gone('/srv/jobs/delta/list.txt'))).toBe('low')
  })

  it('is not elsewhere, under another name, after fewer, where it is written, or by another program', () => {
    for (const path of ['/data/jobs/delta/list.txt', '/srv/list.txt', '/srv/jobs/delta/x.txt'])
      expect(severity(worker, gone(path)), path).toBe('medium')
    const one = learned(gone('/srv/jobs/amber/list.txt'))
    expect(severity(one, gone('/srv/jobs/delta/list.txt'))).toBe('medium')
    const made = act.file('/srv/jobs/delta/list.txt', ['write'], { exe: '/bin/rm' })
    expect(severity(worker, made)).toBe('medium')
    expect(severity(worker, gone('/srv/jobs/amber/list.txt', '/bin/other'))).toBe('medium')
  })
})

describe('a port that the kernel drew', () => {
  const two = learned(act.listen('0.0.0.0', 40_003), act.listen('0.0.0.0', 51_200))

  it('is as usual as those before, at that address', () => {
    expect(severity(two, act.listen('0.0.0.0', 44_444))).toBe('low')
    expect(severity(two, act.listen('10.1.1.1', 44_444))).toBe('medium')
    expect(severity(two, act.listen('0.0.0.0', 4_444))).toBe('medium')
    expect(severity(two, act.listen('0.0.0.0', 44_444, { exe: '/bin/other' }))).toBe('medium')
  })

  it('is not usual after a single one', () => {
    const one = learned(act.listen('0.0.0.0', 40_003), act.listen('0.0.0.0', 80))
    expect(severity(one, act.listen('0.0.0.0', 44_444))).toBe('medium')
  })
})

describe('the ids of people', () => {
  const profile = learned(act.identity(33, 1_001), act.identity(1_001, 33))

  it('are as usual as those of the others', () => {
    expect(severity(profile, act.identity(33, 1_017))).toBe('low')
    expect(severity(profile, act.identity(1_017, 33))).toBe('low')
  })

  it('are not those of services, and say nothing of another user or program', () => {
    expect(severity(profile, act.identity(33, 34))).toBe('medium')
    expect(severity(profile, act.identity(33, 70_000))).toBe('medium')
    expect(severity(profile, act.identity(1_001, 1_017))).toBe('medium')
    expect(severity(profile, act.identity(33, 1_017, { uid: 34 }))).toBe('medium')
    expect(severity(profile, act.identity(33, 1_017, { exe: '/usr/bin/other' }))).toBe('medium')
  })
})

describe('a new root folder', () => {
  const into = (folder: string): ActEvent => act.syscall('chroot', root, folder)
  const tripped = (profile: Profile, event: ActEvent): readonly string[] =>
    judge(profile, event, behavioursOf(event, shaper), { guardrails }).guardrails.map(
      ({ id }) => id,
    )

  it('is usual beside those that the program went into, and trips nothing', () => {
    const profile = learned(into('/home/anna'), into('/home/boris'))
    expect(severity(profile, into('/home/chen'))).toBe('low')
    expect(tripped(profile, into('/home/chen'))).toEqual([])
  })

  it('is not usual beside a single one, elsewhere, or for another program', () => {
    const one = learned(into('/home/anna'))
    const two = learned(into('/home/anna'), into('/home/boris'))
    expect(severity(one, into('/home/chen'))).toBe('medium')
    for (const folder of ['/tmp/chen', '/home/chen/x', '/', '/proc/1/root'])
      expect(severity(two, into(folder)), folder).toBe('medium')
    expect(tripped(one, into('/home/chen'))).toEqual(['change-root'])
    expect(tripped(two, into('/tmp/chen'))).toEqual(['change-root'])
    const other = act.syscall('chroot', { ...root, exe: '/usr/bin/other' }, '/home/chen')
    expect(tripped(two, other)).toEqual(['change-root'])
  })
})

describe('a peer inside of the container', () => {
  const profile = learned(act.connect('/run/app.sock', 0, {}, 'unix'))

  it('is of no concern, unlike one outside of it', () => {
    expect(severity(profile, act.connect('/srv/app/log', 0, {}, 'unix'))).toBe('low')
    expect(severity(profile, act.connect('10.0.0.9', 5432))).toBe('medium')
  })
})
