import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerIdentity } from '../../../src/agent/pipeline/identity/identity.ts'
import { ImageFiles } from '../../../src/agent/pipeline/identity/image-files.ts'
import { ImagePackages } from '../../../src/supplychain/image/packages.ts'
import {
  cronLine,
  ImageSchedules,
  timerPeriod,
} from '../../../src/agent/pipeline/identity/schedules.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync('/tmp/snug-packages-')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

type Files = Readonly<Record<string, string>>

/** An image whose layers, the lowest first, hold these files. */
function image(name: string, ...layers: readonly Files[]): ContainerIdentity {
  const folders = layers.map((files, at) => {
    const folder = join(root, name, String(at))
    mkdirSync(folder, { recursive: true })
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), content)
    }
    return folder
  })
  return identityOf(name.padEnd(64, '0'), {
    imageId: `sha256:${name}`,
    rootfs: { upper: '/none', layers: folders.reverse() },
  })
}

const status = (packages: Readonly<Record<string, string>>, state = 'install ok installed') =>
  Object.entries(packages)
    .map(([name, version]) => `Package: ${name}\nStatus: ${state}\nVersion: ${version}\n`)
    .join('\n')

describe('packages of an image', () => {
  it('are read from the lists of dpkg, whichever name a merged /usr gives the file', () => {
    const one = image(
      'debian',
      { '/var/lib/dpkg/status': status({ curl: '8.1-1' }) },
      {
        '/var/lib/dpkg/status': status({ curl: '8.5-2', libc6: '2.41-12' }),
        '/var/lib/dpkg/info/curl.list': '/.\n/usr\n/usr/bin\n/usr/bin/curl\n/bin\n/bin/ping\n',
        '/var/lib/dpkg/info/libc6:amd64.list': '/usr\n/usr/lib\n/usr/lib/libc.so.6\n',
      },
    )
    const packages = new ImagePackages()
    expect(packages.ownerOf(one, '/usr/bin/curl')).toEqual({ name: 'curl', version: '8.5-2' })
    expect(packages.ownerOf(one, '/bin/curl')?.name).toBe('curl')
    expect(packages.ownerOf(one, '/usr/bin/ping')?.name).toBe('curl')
    expect(packages.ownerOf(one, '/lib/libc.so.6')?.name).toBe('libc6')
    expect(packages.named(one, 'libc6')?.version).toBe('2.41-12')
    expect(packages.ownerOf(one, '/usr/bin')).toBeUndefined()
    expect(packages.ownerOf(one, '/app/run')).toBeUndefined()
  })

  it('that were removed own no file', () => {
    const one = image('removed', {
      '/var/lib/dpkg/status': status({ curl: '8.1-1' }, 'deinstall ok config-files'),
      '/var/lib/dpkg/info/curl.list': '/etc\n/etc/curlrc\n',
    })
    expect(new ImagePackages().ownerOf(one, '/etc/curlrc')).toBeUndefined()
  })

  it('are read from status.d and from apk', () => {
    const packages = new ImagePackages()
    const distroless = image('distroless', {
      '/var/lib/dpkg/status.d/libssl3': 'Package: libssl3\nVersion: 3.0.11-1\n',
      '/var/lib/dpkg/status.d/libssl3.md5sums': 'abc  usr/lib/libssl.so.3\n',
    })
    expect(packages.ownerOf(distroless, '/usr/lib/libssl.so.3')?.version).toBe('3.0.11-1')
    const alpine = image('alpine', {
      '/lib/apk/db/installed':
        'C:Q1\nP:busybox\nV:1.36.1-r5\nF:bin\nR:busybox\nF:\nR:top\n\nP:musl\nV:1.2.4-r2\nF:lib\nR:ld-musl.so.1\n',
    })
    expect(packages.ownerOf(alpine, '/bin/busybox')).toEqual({
      name: 'busybox',
      version: '1.36.1-r5',
    })
    expect(packages.ownerOf(alpine, '/top')?.name).toBe('busybox')
    expect(packages.ownerOf(alpine, '/lib/ld-musl.so.1')?.name).toBe('musl')
  })

  it('with names that no package has are not believed, and no link leads out of the image', () => {
    const one = image('odd', {
      '/var/lib/dpkg/status': status({ '\u001b[31m': '1', good: '1 2' }),
      '/var/lib/dpkg/info/good.list': '/x\n',
    })
    expect(new ImagePackages().ownerOf(one, '/x')).toBeUndefined()
    const linked = image('linked', { '/keep': '' })
    const lib = join(linked.rootfs?.layers[0] ?? '', 'var/lib')
    mkdirSync(lib, { recursive: true })
    symlinkSync('/var/lib/dpkg', join(lib, 'dpkg'))
    // The host that this runs on has a package of that name; the image has none.
    expect(new ImagePackages().named(linked, 'base-files')).toBeUndefined()
  })
})

describe('the layer that brings a file', () => {
  it('is counted from the bottom, with whether the other image has it too', () => {
    const old = image('old', { '/bin/sh': 'a' }, { '/app/run': '1' })
    const [top = '', bottom = ''] = old.rootfs?.layers ?? []
    const own = image('new', { '/app/more': '2' })
    const layers = [own.rootfs?.layers[0] ?? '', top, bottom]
    const now = { ...own, rootfs: { upper: '/none', layers } }
    const files = new ImageFiles()
    expect(files.layerOf(now, old, '/app/more')).toEqual({ number: 3, of: 3, isNew: true })
    expect(files.layerOf(now, old, '/bin/sh')).toEqual({ number: 1, of: 3, isNew: false })
    expect(files.layerOf(now, old, '/nothing')).toBeUndefined()
  })
})

const hour = 3_600_000

describe('schedules of an image', () => {
  it.each([
    ['30 3 * * * root /usr/bin/backup now', true, '/usr/bin/backup now', 24 * hour],
    ['*/5 * * * * /bin/poll', false, '/bin/poll', 300_000],
    ['17 * * * * /bin/hourly', false, '/bin/hourly', hour],
    ['0 */6 * * * /bin/six', false, '/bin/six', 6 * hour],
    ['0 4 * * mon /bin/weekly', false, '/bin/weekly', 7 * 24 * hour],
    ['0 4 1 * * /bin/monthly', false, '/bin/monthly', 31 * 24 * hour],
    ['0 4 1 1 * /bin/yearly', false, '/bin/yearly', 366 * 24 * hour],
    ['@daily root /bin/x', true, '/bin/x', 24 * hour],
  ])('reads %s', (line, hasUser, text, periodMs) => {
    expect(cronLine(line, hasUser)).toEqual({ text, periodMs })
  })

  it.each(['', '# a comment', 'SHELL=/bin/sh', 'PATH = /bin', '@reboot /bin/once', '1 2 3'])(
    'schedules nothing by `%s`',
    (line) => expect(cronLine(line, false)).toBeUndefined(),
  )

  it.each([
    ['[Timer]\nOnCalendar=daily\n', { periodMs: 24 * hour }],
    ['[Timer]\nOnCalendar=*-*-* 03:00:00\n', { periodMs: 24 * hour }],
    ['[Timer]\nOnCalendar=*-*-01 03:00:00\n', { periodMs: 31 * 24 * hour }],
    ['[Timer]\nOnCalendar=Mon *-*-* 03:00\n', { periodMs: 7 * 24 * hour }],
    ['[Timer]\nOnBootSec=5min\nOnUnitActiveSec=1h 30min\n', { periodMs: 1.5 * hour }],
    ['[Timer]\nOnCalendar=when it suits\n', {}],
    ['[Timer]\nOnBootSec=5min\n', undefined],
  ])('reads the timer %j', (unit, found) => expect(timerPeriod(unit)).toEqual(found))

  it('are read from cron tables only where the image ships a cron, and timers with a systemd', () => {
    const tables = {
      '/etc/crontab': '17 * * * * root cd / && run-parts --report /etc/cron.hourly\n',
      '/etc/cron.d/backup': '30 3 * * * root /usr/bin/backup\n',
      '/etc/cron.daily/logrotate': '#!/bin/sh\n',
      '/var/spool/cron/crontabs/www': '*/10 * * * * /bin/poll\n',
      '/etc/systemd/system/timers.target.wants/fstrim.timer': '',
      '/etc/systemd/system/fstrim.timer': '[Timer]\nOnCalendar=weekly\n',
    }
    const schedules = new ImageSchedules()
    expect(schedules.of(image('bare', tables))).toEqual([])
    expect(schedules.of(image('cron', { ...tables, '/usr/sbin/cron': 'x' }))).toEqual([
      {
        text: '/etc/cron.d/backup: /usr/bin/backup',
        periodMs: 24 * hour,
        table: '/etc/cron.d/backup',
        command: '/usr/bin/backup',
      },
      {
        text: '/var/spool/cron/crontabs/www: /bin/poll',
        periodMs: 600_000,
        table: '/var/spool/cron/crontabs/www',
        command: '/bin/poll',
      },
      {
        text: '/etc/cron.daily/logrotate',
        periodMs: 24 * hour,
        table: '/etc/cron.daily',
        command: '/etc/cron.daily/logrotate',
      },
    ])
    expect(schedules.of(image('systemd', { ...tables, '/usr/lib/systemd/systemd': 'x' }))).toEqual([
      { text: '/etc/systemd/system/fstrim.timer', periodMs: 7 * 24 * hour },
    ])
    expect(schedules.of(undefined)).toEqual([])
  })
})
