import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { causeOf } from '../../../src/core/match/cause.ts'
import { causeLine } from '../../../src/core/match/cause-text.ts'
import { folderOfPath, nameKind, placeClassOf } from '../../../src/core/match/place-class.ts'
import { act, shaper } from '../../fixtures/event-fixture.ts'

function causeOfEvent(event: Parameters<typeof behavioursOf>[0]) {
  return causeOf(behavioursOf(event, shaper)[0]!)
}

describe('the cause of a deviation', () => {
  it('is the same for names of one folder that are read by one program', () => {
    const [a, b] = ['/srv/jobs/a', '/srv/jobs/b'].map((path) => causeOfEvent(act.file(path)))
    expect(a).toMatchObject({ access: 'read', place: '/srv/jobs/', placeClass: 'data' })
    expect(b?.id).toBe(a?.id)
  })

  it('is another for another folder, another program, and another access', () => {
    const ids = [
      act.file('/srv/jobs/a'),
      act.file('/srv/other/a'),
      act.file('/srv/jobs/a', ['read'], { exe: '/bin/cat' }),
      act.file('/srv/jobs/a', ['write']),
    ].map((event) => causeOfEvent(event).id)
    expect(new Set(ids).size).toBe(4)
  })

  it('sets a script apart from the uploads that it is among', () => {
    const [text, script, hidden] = ['a.txt', 'b.php', '.htaccess'].map((name) =>
      causeOfEvent(act.file(`/srv/uploads/${name}`, ['write'])),
    )
    expect(new Set([text?.id, script?.id, hidden?.id]).size).toBe(3)
    expect(new Set([text?.group, script?.group, hidden?.group]).size).toBe(3)
  })

  it('is one for a program, whatever its arguments, unless these define what it does', () => {
    const causesOf = (exe: string, commands: readonly (readonly string[])[]) =>
      commands.map((args) => {
        return causeOfEvent(act.run(exe, args, { exe: '/srv/app' }))
      })
    const codes = ['id', 'uname', 'id']
    const run = causesOf(
      '/usr/bin/convert',
      codes.map((code) => ['convert', code]),
    )
    expect(new Set(run.map(({ id }) => id)).size).toBe(1)
    for (const [exe, option] of [
      ['/bin/sh', '-c'],
      ['/usr/bin/python3.13', '-c'],
      ['/usr/bin/perl', '-e'],
      ['/usr/bin/node', '--eval'],
    ] as const) {
      const [a, b, again] = causesOf(
        exe,
        codes.map((code) => [exe, option, code]),
      )
      expect(b?.id, exe).not.toBe(a?.id)
      expect(again?.id, exe).toBe(a?.id)
      expect([b?.place, b?.group], exe).toEqual([a?.place, a?.group])
    }
  })

  it('is one for each peer', () => {
    const peers = ['10.0.0.1', '10.0.0.2'].map((peer) => causeOfEvent(act.connect(peer, 22)).id)
    expect(new Set(peers).size).toBe(2)
  })

  it('is one for scripts and programs of jobs, with names that are never given twice', () => {
    const of = (folder: string) =>
      ['aB3dE1', 'zZ9kQ2'].map((id) => {
        const program = `${folder}/work.${id}/rules`
        return [
          causeOfEvent(act.exec(program, { exe: program })),
          causeOfEvent(act.file('/etc/list', ['read'], { exe: program })),
        ].map((cause) => cause.id)
      })
    const [first, second] = of('/srv/jobs')
    expect(second).toEqual(first)
    const [own, other] = of('/usr/lib')
    expect(other?.filter((id) => own?.includes(id) === true)).toEqual([])
    const run = act.exec('/srv/jobs/work.aB3dE1/rules', { exe: '/srv/jobs/work.aB3dE1/rules' })
    expect(causeOfEvent(run).place).toBe('/srv/jobs/work.<fixed:6>/rules')
  })

  it('is one for the ids of all people', () => {
    const causes = [1_001, 1_017, 33, 70_000].map((uid) => causeOfEvent(act.identity(0, uid)))
    expect(causes.map(({ place }) => place)).toEqual([
      'uid 0 → an account',
      'uid 0 → an account',
      'uid 0 → 33',
      'uid 0 → 70000',
    ])
    expect(new Set(causes.map(({ id }) => id)).size).toBe(3)
  })

  it('reads as one line', () => {
    const line = { access: 'read', place: '/srv/jobs/', names: 1_200 } as const
    expect(causeLine(line)).toBe('read 1,200 files in /srv/jobs/')
    expect(causeLine({ ...line, place: '/', wide: true })).toBe(
      'read 1,200 files in several folders below /',
    )
    const component = [{ id: 'c1', access: 'run', place: '/usr/bin/gzip' }] as const
    expect(causeLine({ ...line, component })).toBe('new in this version: runs 1 program')
    expect(causeLine({ ...line, place: '/app/nightly', component, firstRun: true })).toBe(
      'first run of /app/nightly: runs 1 program',
    )
  })
})

describe('the class of a place', () => {
  it.each([
    ['/etc/shadow', 'secret'],
    ['/home/app/.ssh/id_ed25519', 'secret'],
    ['/run/secrets/token', 'secret'],
    ['/proc/1/environ', 'secret'],
    ['/etc/ssl/private/server.key', 'secret'],
    ['/usr/share/doc/example.key', 'code'],
    ['/etc/hosts', 'system'],
    ['/etcetera/hosts', 'data'],
    ['/usr/bin/env', 'code'],
    ['/tmp/x', 'temporary'],
    ['/dev/shm/x', 'temporary'],
    ['/var/lib/jobs/x', 'data'],
  ])('of %s is %s', (path, expected) => {
    expect(placeClassOf(path)).toBe(expected)
  })

  it('is total, and a folder with a name is the path again', () => {
    fc.assert(
      fc.property(fc.string(), (path) => {
        expect(typeof placeClassOf(path)).toBe('string')
        expect(typeof nameKind(path)).toBe('string')
        expect(path.startsWith(folderOfPath(path))).toBe(true)
      }),
    )
  })
})
