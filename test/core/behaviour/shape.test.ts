import { describe, expect, it } from 'vitest'
import { Shaper } from '../../../src/core/behaviour/shape.ts'
import { act, learned, outcome, shaper, shippedRules } from '../../fixtures/event-fixture.ts'

describe('shapes', () => {
  it.each([
    ['/tmp/3f2504e0-4f89-41d3-9a0c-0305e82c3301.part', '/tmp/<uuid>.part'],
    ['/data/1/config', '/data/<int>/config'],
    ['/proc/812/task/813/fd/3', '/proc/<pid>/task/<pid>/fd/<fd>'],
    ['/proc/812/net/tcp', '/proc/<pid>/net/tcp'],
    ['/var/log/app-2026-11-24.log', '/var/log/app-<date>.log'],
    ['/var/log/app-20261124T134027.log', '/var/log/app-<date>.log'],
    ['/var/log/app_13:40:27.log', '/var/log/app_<time>.log'],
    ['/var/log/access.log.1', '/var/log/access.log.<int>'],
    ['/tmp/tmpab3d_9xz', '/tmp/<temp:11>'],
    ['/tmp/wgunicorn-qz43inki', '/tmp/wgunicorn-<temp:8>'],
    ['/srv/cache/4p9vt_qj.png', '/srv/cache/<temp:8>.png'],
    ['/tmp/upload_0f8gcp6g', '/tmp/upload_<temp:8>'],
    ['/tmp/upload16796402461290134123.tmp', '/tmp/upload<long>.tmp'],
    ['/tmp/1679640246129013412', '/tmp/<long>'],
    ['/tmp/foo.Ab3dEf', '/tmp/foo.<temp:6>'],
    ['/tmp/tmp.Xa8fKq29sD', '/tmp/tmp.<temp:10>'],
    ['/tmp/sess_9f8a7b6c5d4e3f2a1b0c9d8e7f', '/tmp/sess_<hex:26>'],
    ['/pg_wal/000000010000000000000001', '/pg_wal/<hex:24>'],
    ['/pg_wal/0000000100000000000000AB', '/pg_wal/<hex:24>'],
    ['/base/16384/2619_fsm', '/base/<int>/<int>_fsm'],
    ['/dev/pts/12', '/dev/pts/<num>'],
    ['/sys/devices/system/cpu/cpu12/online', '/sys/devices/system/cpu/cpu<num>/online'],
    ['/secrets/..2026_11_24_13_40_27.123456789/token', '/secrets/<volume>/token'],
    ['/data/temp-rewriteaof-bg-31.aof', '/data/temp-rewriteaof-bg-<num>.aof'],
    ['/data/temp-1764040000.31.rdb', '/data/temp-<num>.<num>.rdb'],
    ['/base/pgsql_tmp/pgsql_tmp31.12', '/base/pgsql_tmp/pgsql_tmp<num>.<num>'],
    ['/tmp/<uuid>', '/tmp/<lt>uuid>'],
  ])('%s is %s', (path, shape) => expect(shaper.shape(path)?.path).toBe(shape))

  it.each([
    '/etc/nginx/nginx.conf',
    '/usr/lib/python3.11/os.py',
    '/usr/lib64/x',
    '/lib/x86_64-linux-gnu/libc.so.6',
    '/opt/app-1.2.3/x',
    '/opt/v12/x',
    '/x/config.sha256',
    '/tmp/README.Config',
    '/proc/self/maps',
    '/data/1x',
    '/app/settings',
    '/app/module_a',
    '/app/report-malicious',
    '/app/part_one',
    '/app/chapter1',
    '/app/attemp3.0',
    '/opt/tmp1x',
    '/data/١٢٣',
    '/data/12345678901234567890x',
    '/usr/share/zoneinfo/Europe/Berlin',
  ])('%s stands for itself', (path) => expect(shaper.shape(path)).toBeUndefined())

  it.each([
    ['/srv/', '_9', '_<int>'],
    ['/dev/pts/', '_9', '_<num>'],
  ])('of %s have %s at most 32 times, and all behind them literally', (folder, part, shaped) => {
    const path = (last: string): string => `${folder}x${part.repeat(1_900)}<${last}`
    const expected = `${folder}x${shaped.repeat(32)}${part.repeat(1_868)}<lt>a1b2`
    expect(shaper.shape(path('a1b2'))?.path).toBe(expected)
    expect(shaper.shape(path('a1b3'))?.path).not.toBe(expected)
    expect(shaper.shape(path('a1b2'))?.values.length ?? 0).toBeLessThanOrEqual(3)
  })

  it('leave a name with bytes that are no text as it is, but for `<`', () => {
    expect(shaper.shape('/data/\\xff-12')).toBeUndefined()
    expect(shaper.shape('/dev/pts/\\x8012')).toBeUndefined()
    expect(shaper.shape('/a\\\\b/12<3')).toEqual({ path: '/a\\\\b/12<lt>3', values: [] })
  })

  it('places that need witnesses are as many as thresholds, three at most', () => {
    for (const path of [
      '/1',
      '/1/2',
      '/1/2/3',
      '/1/2/3/4/5',
      '/proc/1/fd/2',
      '/a/1-2026-11-24-deadbee1',
    ]) {
      const shape = shaper.shape(path)
      expect(shape?.values.length, path).toBe(shaper.thresholds(shape?.path ?? '').length)
    }
    expect(shaper.shape('/1/2/3/4/5')?.values).toEqual(['1', '2', '3\u00004\u00005'])
  })

  it('take their thresholds from the rules', () => {
    const thresholds = { ...shippedRules.thresholds, int: 5, uuid: 1 }
    const own = new Shaper({ ...shippedRules, thresholds, never: [], numbered: [] })
    expect(own.thresholds('/<int>/<uuid>/<hex:8>')).toEqual([5, 3])
    expect(own.shape('/x86_64')?.path).toBe('/x86_<int>')
  })

  it('name the process itself, where a number is its own and hardly one by chance', () => {
    const path = '/srv/xlogtemp.812'
    expect(shaper.shape(path, 812)).toEqual({ path: '/srv/xlogtemp.<pid>', values: [] })
    for (const vpid of [undefined, 0, 1, 81, 12, 8120])
      expect(shaper.shape(path, vpid), String(vpid)).toEqual({
        path: '/srv/xlogtemp.<int>',
        values: ['812'],
      })
    expect(shaper.shape('/srv/job.7', 7)?.path).toBe('/srv/job.<int>')
    expect(shaper.shape('/srv/12/job.12.34', 34)?.path).toBe('/srv/<int>/job.12.34')
    expect(shaper.shape('/srv/12/job.34', 34)).toEqual({
      path: '/srv/<int>/job.<pid>',
      values: ['12'],
    })
  })

  it('find what stood in their places again, also beside the number of a process', () => {
    const path = '/srv/12/job.34'
    for (const vpid of [0, 12, 34]) {
      const shape = shaper.shape(path, vpid)
      expect(shaper.valuesIn(path, shape?.path ?? '')).toEqual(shape?.values)
    }
    expect(shaper.valuesIn('/proc/12/net/34', '/proc/<pid>/net/<int>')).toEqual(['34'])
  })

  it('cost time in proportion to the length of the path, whatever it is made of', () => {
    const units = (
      'a1 -a .A 1 f 0- /1 2026- 20261124 .Ab3dE < : _9 1_ a1_ _a1 aB1- 0a -1 tmp /tmp tmp1. ' +
      '/tmp-1_ tmp1.1.fileset/ /temp-a1- tmp1.1.fileset/1a'
    ).split(' ')
    for (const [folder, unit] of ['/', '/tmp/'].flatMap((start) => units.map((u) => [start, u]))) {
      const path = `${folder}${unit?.repeat(Math.ceil(64_000 / unit.length))}`
      expect(shaper.shape(`${path}g`)?.path.length ?? 0, unit).toBeLessThanOrEqual(4 * path.length)
    }
    // It takes a second. A pattern that backtracks takes minutes for one of these names.
  })
})

describe('a shape with several places', () => {
  it('does not cross what was seen in one with what was seen in the other while none is open', () => {
    const profile = learned(act.file('/srv/1/5.db'), act.file('/srv/2/6.db'))
    expect(outcome(profile, act.file('/srv/1/5.db'))).toBe('expected')
    expect(outcome(profile, act.file('/srv/1/6.db'))).toBe('deviation')
    expect(outcome(profile, act.file('/srv/2/5.db'))).toBe('deviation')
  })

  it('opens each by its own witnesses', () => {
    const profile = learned(...[5, 6, 7].map((n) => act.file(`/srv/1/${n}.db`)))
    expect(outcome(profile, act.file('/srv/1/99.db'))).toBe('expected')
    expect(outcome(profile, act.file('/srv/2/5.db'))).toBe('deviation')
  })
})

describe('the parts of a name that vary', () => {
  const log = (n: number) => `/var/log/app.log.${n}`

  it('vary with any kind of event on the file: one witness of each kind is enough', () => {
    const writes = [1, 2, 3].map((n) => act.file(log(n), ['write']))
    const profile = learned(...writes, act.file(log(1), ['delete']))
    expect(outcome(profile, act.file(log(7), ['write']))).toBe('expected')
    expect(outcome(profile, act.file(log(7), ['delete']))).toBe('expected')
    expect(outcome(profile, act.file('/var/log/app.log.evil', ['delete']))).toBe('deviation')
    // A program may read the files that it creates.
    expect(outcome(profile, act.file(log(7), ['read']))).toBe('expected')
    expect(outcome(profile, act.file(log(7), ['delete'], { uid: 0 }))).toBe('deviation')
    expect(outcome(profile, act.file(log(7), ['delete'], { exe: '/bin/sh' }))).toBe('deviation')
  })

  it('vary at either end of a rename', () => {
    const writes = [1, 2, 3].map((n) => act.file(log(n), ['write']))
    const moved = act.file('/tmp/draft', ['rename'], {}, { to: log(2) })
    const profile = learned(...writes, moved)
    const other = (to: string) => act.file('/tmp/draft', ['rename'], {}, { to })
    expect(outcome(profile, other(log(9)))).toBe('expected')
    expect(outcome(profile, other('/var/log/app.log.evil'))).toBe('deviation')
    expect(outcome(profile, other('/etc/passwd'))).toBe('deviation')
  })

  it('vary where files only ever came to these names, or left them, by renames', () => {
    const rename = (from: string, to: string, as = {}) => act.file(from, ['rename'], as, { to })
    const part = (n: number) => `/var/log/part-${n}`
    const profile = learned(
      ...[1, 2, 3].map((n) => rename(part(n), log(n))),
      act.file(log(1)),
      act.file(part(1), ['write']),
    )
    expect(outcome(profile, act.file(log(7)))).toBe('expected')
    expect(outcome(profile, act.file(part(7), ['write']))).toBe('expected')
    expect(outcome(profile, act.file(log(7), ['write']))).toBe('expected')
    expect(outcome(profile, act.file('/var/log/app.log.evil'))).toBe('deviation')
    expect(outcome(profile, act.file(log(7), ['read'], { exe: '/bin/sh' }))).toBe('deviation')
  })

  it('do not vary by a rename that a person rejected', () => {
    const renames = [1, 2, 3].map((n) => act.file('/tmp/draft', ['rename'], {}, { to: log(n) }))
    const profile = learned(...renames, act.file(log(1)))
    expect(outcome(profile, act.file(log(7)))).toBe('expected')
    const { id } = profile
      .entries()
      .find(({ object }) => 'to' in object && object.to !== undefined)!
    profile.decide(id, { kind: 'rejected', by: 'test', at: '2026-11-24T12:00:00Z' })
    expect(outcome(profile, act.file(log(7)))).toBe('deviation')
  })

  it('do not vary because others saw them vary', () => {
    const others = [1, 2, 3].map((n) => act.file(log(n), ['write'], { exe: '/bin/rotate' }))
    const profile = learned(...others, act.file(log(1), ['delete']))
    expect(outcome(profile, act.file(log(7), ['delete']))).toBe('deviation')
  })
})

describe('a name with the number of its process', () => {
  const temporary = (number: number, vpid?: number) =>
    act.file(`/srv/xlogtemp.${number}`, ['write', 'create'], vpid === undefined ? {} : { vpid })

  it('is expected of each process after one of them, and no name beside it is', () => {
    const profile = learned(temporary(812, 812))
    expect(outcome(profile, temporary(4_019, 4_019))).toBe('expected')
    expect(outcome(profile, act.file('/srv/xlogtemp.sh', ['write'], { vpid: 812 }))).toBe(
      'deviation',
    )
    expect(outcome(profile, act.file('/srv/other.812', ['write'], { vpid: 812 }))).toBe('deviation')
    expect(outcome(profile, act.file('/srv/xlogtemp.812', ['read'], { exe: '/bin/sh' }))).toBe(
      'deviation',
    )
  })

  it('is not learned from a number that is not its own', () => {
    for (const profile of [learned(temporary(812)), learned(temporary(812, 813))])
      expect(outcome(profile, temporary(4_019, 4_019))).toBe('deviation')
  })

  it('is expected where the numbers alone were learned, as by an older sensor', () => {
    const profile = learned(temporary(1_812), temporary(1_813), temporary(1_814))
    expect(outcome(profile, temporary(4_019, 4_019))).toBe('expected')
  })

  it('varies at either end of a rename', () => {
    const moved = (vpid: number) =>
      act.file(`/srv/new.${vpid}`, ['rename'], { vpid }, { to: '/srv/state' })
    const profile = learned(moved(812))
    expect(outcome(profile, moved(4_019))).toBe('expected')
    expect(
      outcome(profile, act.file('/srv/new.x', ['rename'], { vpid: 812 }, { to: '/srv/state' })),
    ).toBe('deviation')
  })
})
