import { describe, expect, it } from 'vitest'
import { openClassId, programFolder, workFolder } from '../../../src/core/behaviour/any-program.ts'
import { behaviourId, behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { classEntries, classEntry } from '../../../src/core/lifecycle/open-version.ts'
import { OpenClass } from '../../../src/core/match/open-class.ts'
import { openFoldersOf } from '../../../src/core/match/open-folders.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { act, feed, guardrails, learned, shaper } from '../../fixtures/event-fixture.ts'
import { writeOf } from '../../fixtures/stored-copy.ts'

const decision = {
  kind: 'approved',
  by: 'jo',
  at: '2026-11-24T14:00:00.000Z',
  reason: 'an agent',
} as const
const shell = { exe: '/bin/bash', uid: 0 }
const apt = { exe: '/usr/bin/dpkg', uid: 0 }

/** What an agent does in its window: it installs, compiles, runs and pushes. */
const window: readonly ActEvent[] = [
  act.exec('/usr/bin/gcc', shell),
  act.file('/workspace/first', ['create'], shell),
  act.file('/workspace/first/main.c', ['write', 'create'], shell),
  act.file('/workspace/first/a.out', ['write', 'create'], { ...shell, exe: '/usr/bin/ld' }),
  act.exec('/workspace/first/a.out', shell, true),
  act.exec('/usr/bin/apt-get', shell),
  act.file('/usr/bin/jq', ['write', 'create'], apt),
  act.file('/usr/share/doc/jq/copyright', ['write', 'create'], apt),
  act.file('/var/lib/dpkg/status-new', ['write', 'create'], apt),
  act.connect('deb.example', 443, { ...shell, exe: '/usr/bin/curl' }),
  act.file('/dev/tty', ['write'], shell),
]

function open(...more: readonly ActEvent[]): Profile {
  const profile = learned(...window, ...more)
  profile.merge(
    classEntries(
      openFoldersOf(profile.outline(), (id) => guardrails.isOfPrograms(id)),
      decision,
    ),
  )
  return profile
}

function expects(event: ActEvent, profile = open()): boolean {
  const now = Date.parse(event.time) * 1_000
  const refs = behavioursOf(event, shaper).filter((ref) => !profile.isExpected(ref, now))
  return new OpenClass(profile, guardrails).expects(event, refs)
}

const tool = { exe: '/workspace/second/tool', uid: 0 }

describe('a version of class open expects that one of its programs', () => {
  it.each([
    ['runs a program of the image', act.exec('/usr/bin/make', tool)],
    ['runs what was compiled in another project', act.exec('/workspace/third/app', tool, true)],
    ['runs what a package brought', act.exec('/usr/bin/ripgrep', shell, true)],
    ['runs a package manager that ran before', act.exec('/usr/bin/apt-get', tool)],
    [
      'loads code of another project',
      act.file('/workspace/x/lib.so', ['exec'], tool, { layer: 'container' }),
    ],
    ['reads any file', act.file('/opt/data/readme.md', ['read'], tool)],
    ['writes into a work folder', act.file('/workspace/fourth/x.py', ['write', 'create'], tool)],
    ['installs a program', act.file('/usr/bin/fd', ['write', 'create'], apt)],
    [
      'renames in a work folder',
      act.file('/workspace/a', ['rename'], tool, { to: '/workspace/b' }),
    ],
    ['writes to a terminal that others write to', act.file('/dev/tty', ['write'], tool)],
    ['listens', act.listen('0.0.0.0', 8888, tool)],
    ['connects on its host', act.connect('127.0.0.1', 5000, tool)],
    ['connects to a peer of another program', act.connect('deb.example', 443, tool)],
    ['gives up root', act.identity(0, 100, tool)],
    ['sets times in a work folder', act.syscall('utimensat', tool, '/workspace/a')],
  ])('%s', (_, event) => {
    expect(expects(event)).toBe(true)
  })
})

describe('a version of class open has an alert where one of its programs', () => {
  it.each([
    ['connects to a new name', act.connect('evil.example', 443, tool)],
    ['connects to a new port', act.connect('deb.example', 22, tool)],
    ['reads a private key', act.file('/root/.ssh/id_rsa', ['read'], tool)],
    [
      'links a private key into a work folder',
      act.file('/workspace/k', ['create'], tool, { to: '/root/.ssh/id_rsa' }),
    ],
    [
      'moves a private key into a work folder',
      act.file('/root/.ssh/id_rsa', ['rename'], tool, { to: '/workspace/k' }),
    ],
    ['reads the environment of a process', act.file('/proc/7/environ', ['read'], tool)],
    ['adds a scheduled job', act.file('/etc/cron.d/x', ['write', 'create'], apt)],
    [
      'moves a file to where jobs are scheduled',
      act.file('/workspace/x', ['rename'], tool, { to: '/etc/cron.d/x' }),
    ],
    ['adds a key for logins', act.file('/root/.ssh/authorized_keys', ['write'], tool)],
    ['changes what a shell runs at login', act.file('/root/.bashrc', ['write'], tool)],
    ['controls a neighbour', act.syscall('ptrace', tool, '/bin/bash')],
    ['becomes root', act.identity(1000, 0, tool)],
    ['uses a right that none used', act.capability('CAP_SYS_ADMIN', tool)],
    ['asks the metadata service', act.connect('169.254.169.254', 80, tool)],
    ['opens the socket of the runtime', act.connect('/run/docker.sock', 0, tool, 'unix')],
    ['writes outside of its work folders', act.file('/opt/app/x', ['write', 'create'], tool)],
    [
      'replaces a program of the image',
      act.file('/usr/bin/ls', ['write'], tool, { shipped: true }),
    ],
    [
      'renames onto a program of the image',
      act.file('/usr/bin/x', ['rename'], tool, { to: '/usr/bin/ls', toShipped: true }),
    ],
    ['runs what lies elsewhere', act.exec('/opt/x', tool, true)],
    ['runs what lies in a temporary folder', act.exec('/tmp/x', tool, true)],
    ['is a shell on a socket', act.exec('/bin/sh', { ...tool, socketStdio: true })],
    ['runs a package manager that nothing ran', act.exec('/usr/bin/pip', tool)],
    ['mounts', act.syscall('mount', tool, '/workspace')],
  ])('%s', (_, event) => {
    expect(expects(event)).toBe(false)
  })

  it('or somebody enters its container', () => {
    const entry = act.exec('/bin/bash', { exe: '/bin/bash', origin: 'exec-in', uid: 0 })
    expect(expects(entry)).toBe(false)
  })
})

it('what a person rejected of one program is closed to all, and so is a rejected folder', () => {
  const profile = open(act.connect('old.example', 443, shell))
  const at = act.connect('old.example', 443, tool)
  expect(expects(at, profile)).toBe(true)
  const [ref] = behavioursOf(act.connect('old.example', 443, shell), shaper)
  profile.decide(behaviourId(ref?.key ?? ''), { ...decision, kind: 'rejected' })
  expect(expects(at, profile)).toBe(false)

  const later = { ...decision, at: '2026-11-25T14:00:00.000Z', kind: 'rejected' } as const
  profile.merge([classEntry(programFolder('/workspace/'), later)])
  expect(expects(act.exec('/workspace/third/app', tool, true), profile)).toBe(false)
  profile.merge([classEntry(workFolder('/workspace/'), later)])
  expect(expects(act.file('/workspace/y', ['write'], tool), profile)).toBe(false)
})

it('nothing that happens after the window makes a folder', () => {
  const profile = open()
  const before = new OpenClass(profile, guardrails).folders
  feed(
    profile,
    [
      act.file('/opt/x', ['write', 'create'], tool),
      act.exec('/opt/x', tool, true),
      act.exec('/tmp/y', tool, true),
    ],
    'later',
  )
  const { programs, work, ran } = new OpenClass(profile, guardrails).folders
  expect({ programs, work, ran }).toEqual({ ...before, programs, work })
  expect({ programs, work }).toEqual({ programs: before.programs, work: before.work })
  expect(expects(act.exec('/opt/x', tool, true), profile)).toBe(false)
})

it('the class is one decision, which can be taken back', () => {
  const profile = open()
  expect(profile.isOpen).toBe(true)
  profile.decide(openClassId, { ...decision, at: '2026-11-25T00:00:00.000Z', kind: 'rejected' })
  expect(profile.isOpen).toBe(false)
})

it('a parked profile stays so where somebody asks for the class again', () => {
  const profile = open()
  expect(profile.isOpen).toBe(true)
  // As where the store has it, and nobody uses it.
  writeOf(profile)
  profile.park()
  profile.park()
  expect(profile.isParked).toBe(true)
  const before = profile.openings
  expect(profile.isOpen).toBe(true)
  expect(profile.openings).toBe(before)
})

it('three folders of work make the folder around them one, and the root is none', () => {
  const profile = learned(
    ...['a', 'b', 'c'].map((name) => act.file(`/srv/x/${name}/f`, ['create'], shell)),
    act.file('/top', ['create'], shell),
    act.file('/proc/self/oom_score_adj', ['write'], shell),
  )
  const { work } = openFoldersOf(profile.outline(), () => false)
  expect(work.within).toEqual(['/srv/x/'])
})
