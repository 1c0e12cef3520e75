import { describe, expect, it } from 'vitest'
import { type Shown, type Starter, starterEntries } from '../../../src/core/lifecycle/starter.ts'
import { starterName } from '../../../src/core/profile/profile-entry.ts'

const web = { exe: '/usr/sbin/web' }
const helper = { exe: '/usr/bin/perl', script: '/usr/lib/web/rotate' }
const grants = [{ origin: 'entrypoint' }] as const
const read = (path: string) => ({ kind: 'file', access: 'read', path }) as const
const run = (path: string) => ({ kind: 'exec', path }) as const

const starter: Starter = {
  name: 'web',
  packages: new Set(['web', 'web-core']),
  behaviours: [
    { actor: web, as: 'root', object: read('/etc/web.conf'), grants },
    { actor: web, as: 'account', object: read('/usr/share/web/page'), grants },
    { actor: web, as: 'root', object: run('/usr/lib/web/worker'), grants },
    { actor: web, as: 'root', object: run('/usr/bin/gzip'), grants },
    { actor: helper, as: 'account', object: read('/var/lib/web/state'), grants },
  ],
}
const owners: Readonly<Record<string, string>> = {
  '/usr/sbin/web': 'web-core',
  '/usr/lib/web/rotate': 'web',
  '/usr/lib/web/worker': 'web',
  '/usr/bin/gzip': 'gzip',
}
const ownerOf = (path: string): string | undefined => owners[path]

const given = (shown: readonly Shown[], of = ownerOf): readonly string[] =>
  starterEntries(starter, shown, of).map(
    ({ actor, uid, object }) =>
      `${actor.script ?? actor.exe} ${uid} ${'path' in object ? object.path : ''}`,
  )

describe('what a starter profile gives', () => {
  it('is what its programs do as the users that the window showed', () => {
    expect(
      given([
        { actor: web, uid: 0 },
        { actor: web, uid: 101 },
      ]),
    ).toEqual([
      '/usr/sbin/web 0 /etc/web.conf',
      '/usr/sbin/web 101 /usr/share/web/page',
      '/usr/sbin/web 0 /usr/lib/web/worker',
      '/usr/lib/web/rotate 101 /var/lib/web/state',
    ])
  })

  it('gives root nothing that an account did, and an account nothing of root', () => {
    expect(given([{ actor: web, uid: 'declared' }])).toEqual([
      '/usr/sbin/web declared /usr/share/web/page',
      '/usr/lib/web/rotate declared /var/lib/web/state',
    ])
  })

  it('is nothing for a program of that path that another package brought, or none', () => {
    const shown = [{ actor: web, uid: 0 }]
    expect(given(shown, (path) => (path === web.exe ? 'forked-web' : ownerOf(path)))).toEqual([])
    expect(given(shown, () => undefined)).toEqual([])
  })

  it('is nothing where the window showed none of its programs', () => {
    const asked: string[] = []
    const noted = (path: string): string | undefined => {
      asked.push(path)
      return ownerOf(path)
    }
    expect(given([{ actor: { exe: '/usr/bin/other' }, uid: 0 }], noted)).toEqual([])
    expect(asked).toEqual([])
  })

  it('has no evidence, and names where it comes from', () => {
    const entries = starterEntries(starter, [{ actor: web, uid: 0 }], ownerOf)
    expect(entries.map(({ cells }) => cells)).toEqual([[], []])
    expect(entries.map(({ inherited }) => starterName(inherited?.from ?? ''))).toEqual([
      'web',
      'web',
    ])
  })
})
