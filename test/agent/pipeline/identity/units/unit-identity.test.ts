import { createHash } from 'node:crypto'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ContainerIdentity } from '../../../../../src/agent/pipeline/identity/identity.ts'
import { HostFiles } from '../../../../../src/agent/pipeline/identity/units/host-files.ts'
import { packageDatabase } from '../../../../../src/agent/pipeline/identity/units/package-database.ts'
import {
  managerScopes,
  unitOfCgroup,
} from '../../../../../src/agent/pipeline/identity/units/unit-cgroup.ts'
import { unitFiles } from '../../../../../src/agent/pipeline/identity/units/unit-files.ts'
import { tickMs } from '../../../../../src/support/file-time.ts'
import { unitIdentity } from '../../../../../src/agent/pipeline/identity/units/unit-identity.ts'

const id = 'a'.repeat(64)
const now = (): string => new Date(Date.now() + 1_000).toISOString()
let root: string

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-host-')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const sum = (algorithm: string, text: string): string =>
  createHash(algorithm).update(text).digest('hex')

/** As dpkg leaves it, with one package and its files, and a package of a launcher. */
function installed(version: string, files: Readonly<Record<string, string>>, launcher = '5'): void {
  write('usr/bin/launcher', 'launcher')
  write('var/lib/dpkg/info/common.md5sums', `${sum('md5', 'launcher')}  usr/bin/launcher\n`)
  write(
    'var/lib/dpkg/status',
    `Package: gone
Status: deinstall ok config-files
Version: 9

Package: app
Status: install ok installed
Architecture: amd64
Version: ${version}
Conffiles:
 /etc/init.d/app ${sum('md5', 'settings')}
Description: text
 /usr/sbin/other 00000000000000000000000000000000 is no file of settings

Package: common
Status: install ok installed
Architecture: all
Version: ${launcher}
`,
  )
  const sums = Object.entries(files).map(([path, text]) => `${sum('md5', text)}  ${path}\n`)
  write('var/lib/dpkg/info/app.md5sums', sums.join(''))
  for (const [path, text] of Object.entries(files)) write(path, text)
}

async function identity(
  unit = 'app.service',
  replaced: ReadonlyMap<string, string> = new Map(),
  main?: string,
): Promise<ContainerIdentity> {
  const files = unitFiles(root, unit)
  if (files === undefined) throw new Error('no files')
  const database = await new HostFiles().database(root)
  const scriptOf = (program: string, [, script]: readonly string[]): string | undefined =>
    program === '/bin/sh' ? script : undefined
  return unitIdentity({ id, unit, root, files, database, replaced, scriptOf, main })
}

const service = (lines: string): string => `[Service]\n${lines}\n`

describe('a cgroup', () => {
  it('is of a unit where slices lie above it, and its id is not in its path', () => {
    expect(unitOfCgroup(id, '/system.slice/app.service')).toBe('app.service')
    expect(unitOfCgroup(id, '/a.slice/a-b.slice/app@1.service')).toBe('app@1.service')
    expect(unitOfCgroup(id, '/system.slice/_cpu.service')).toBe('cpu.service')
  })

  it.each([
    `/system.slice/docker-${id}.service`,
    '/system.slice/app.scope',
    '/user.slice/user@1.service/app.slice/app.service',
    '/machine.slice/x.scope/system.slice/app.service',
    'app.service',
  ])('is none of a unit: %s', (cgroup) => {
    expect(unitOfCgroup(id, cgroup)).toBeUndefined()
  })

  it('has its manager in a scope beside its slices, the nearest first', () => {
    expect(managerScopes('/a.slice/system.slice/app.service')).toEqual([
      '/a.slice/system.slice/init.scope',
      '/a.slice/init.scope',
      '/init.scope',
    ])
  })
})

describe('the files of a unit', () => {
  it('are its own and its drop-ins, of which a more important folder replaces one of the same name', () => {
    write('usr/lib/systemd/system/app-a@.service', service('ExecStart=/usr/sbin/app'))
    write('usr/lib/systemd/system/app-a@.service.d/a.conf', service('User=replaced'))
    write('etc/systemd/system/app-a@.service.d/a.conf', service('User=daemon'))
    write(
      'etc/systemd/system/app-.service.d/b.conf',
      service('ExecStart=\nExecStart=-/bin/x "a b"'),
    )
    write('etc/systemd/system/service.d/c.conf', service('Nice=1'))
    write('etc/systemd/system/other.service.d/d.conf', service('User=other'))
    const files = unitFiles(root, 'app-a@1.service')
    expect(files?.files.map(({ path }) => path)).toEqual([
      '/usr/lib/systemd/system/app-a@.service',
      '/etc/systemd/system/app-a@.service.d/a.conf',
      '/etc/systemd/system/app-.service.d/b.conf',
      '/etc/systemd/system/service.d/c.conf',
    ])
    expect(files).toMatchObject({ user: 'daemon', commands: [['/bin/x', 'a b']] })
  })

  it('are not found by a link that leads out of the root', () => {
    const outside = mkdtempSync('/tmp/snug-outside-')
    writeFileSync(join(outside, 'app.service'), service('ExecStart=/bin/x'))
    mkdirSync(join(root, 'etc/systemd/system'), { recursive: true })
    symlinkSync(join(outside, 'app.service'), join(root, 'etc/systemd/system/app.service'))
    expect(unitFiles(root, 'app.service')).toBeUndefined()
    rmSync(outside, { recursive: true })
  })
})

describe('the version of a unit', () => {
  it('is that of the package of its program, also by a link and a merged folder', async () => {
    installed('1:2.0-1', { 'sbin/app': 'program' })
    rmSync(join(root, 'sbin'), { recursive: true })
    write('usr/sbin/app-2', 'other')
    write('usr/sbin/app', 'program')
    symlinkSync('usr/sbin', join(root, 'sbin'))
    write('etc/systemd/system/app.service', service('User=1000\nExecStart=/sbin/app -f'))
    expect(await identity()).toMatchObject({
      name: 'app.service',
      image: { repository: '_unit/app.service', tag: '1:2.0-1' },
      entrypoint: ['/sbin/app', '-f'],
      declaredUser: '1000',
      user: 1000,
      host: { programs: {} },
    })
  })

  it('is another one with another package, another unit file or another drop-in, and only then', async () => {
    installed('1', { 'usr/sbin/app': 'program' })
    write('etc/systemd/system/app.service', service('ExecStart=/usr/sbin/app'))
    const digests = [(await identity()).image.digest]
    expect((await identity()).image.digest).toBe(digests[0])
    installed('2', { 'usr/sbin/app': 'program' })
    digests.push((await identity()).image.digest)
    write('etc/systemd/system/app.service.d/x.conf', service('Nice=1'))
    digests.push((await identity()).image.digest)
    write('etc/systemd/system/app.service', service('ExecStart=/usr/sbin/app -x'))
    digests.push((await identity()).image.digest)
    expect(new Set(digests).size).toBe(4)
  })

  it('is that of the package of the main program which a launcher starts, and follows both', async () => {
    write('etc/systemd/system/app.service', service('Type=forking\nExecStart=/usr/bin/launcher'))
    const files = { 'usr/lib/app/main': 'program' }
    const versions: (readonly [tag: string | undefined, digest: string])[] = []
    const look = async (main?: string, replaced?: ReadonlyMap<string, string>): Promise<void> => {
      const { tag, digest } = (await identity('app.service', replaced, main)).image
      versions.push([tag, digest])
    }
    installed('1', files)
    expect(unitFiles(root, 'app.service')?.forks).toBe(true)
    await look()
    await look('/usr/lib/app/main')
    installed('2', files)
    await look('/usr/lib/app/main')
    installed('2', files, '6')
    await look('/usr/lib/app/main')
    await look('/usr/lib/app/main', new Map([['/usr/lib/app/main', sum('sha256', 'old')]]))
    expect(versions.map(([tag]) => tag)).toEqual(['5', '1', '2', '2', undefined])
    expect(new Set(versions.map(([, digest]) => digest)).size).toBe(5)
  })

  it('is the same whether the main program is known, where its package is that of the launcher', async () => {
    installed('1', { 'usr/sbin/app': 'launcher', 'usr/lib/app/main': 'program' })
    write('etc/systemd/system/app.service', service('Type=forking\nExecStart=/usr/sbin/app'))
    const unknown = (await identity()).image
    expect((await identity('app.service', new Map(), '/usr/lib/app/main')).image).toEqual(unknown)
  })

  it('follows the content of a program or script that no package ships', async () => {
    write('opt/run', 'one')
    write('bin/sh', 'shell')
    write('etc/systemd/system/app.service', service('ExecStart=/bin/sh /opt/run'))
    const first = await identity()
    expect(first.image.tag).toBeUndefined()
    expect(first.host?.programs).toEqual({
      '/bin/sh': sum('sha256', 'shell'),
      '/opt/run': sum('sha256', 'one'),
    })
    write('opt/run', 'two')
    expect((await identity()).image.digest).not.toBe(first.image.digest)
  })

  it('is that of the running program where an upgrade has replaced its file', async () => {
    installed('2', { 'usr/sbin/app': 'new' })
    write('etc/systemd/system/app.service', service('ExecStart=/usr/sbin/app'))
    const running = new Map([['/usr/sbin/app', sum('sha256', 'old')]])
    const { image, host } = await identity('app.service', running)
    expect(image.tag).toBeUndefined()
    expect(host?.programs).toEqual(Object.fromEntries(running))
  })
})

describe('a program of a host', () => {
  it('is as shipped while it has the content that its package, its settings or its unit name', async () => {
    installed('1', { 'usr/sbin/app': 'program', 'etc/init.d/app': 'settings' })
    write('opt/run', 'mine')
    const hosts = new HostFiles()
    await hosts.database(root)
    const host = { root, programs: { '/opt/run': sum('sha256', 'mine') } }
    for (const path of ['/usr/sbin/app', '/etc/init.d/app', '/opt/run'])
      expect([path, hosts.isAsShipped(host, path, now())]).toEqual([path, true])
    write('usr/sbin/app', 'changed')
    write('opt/run', 'changed')
    write('usr/sbin/other', 'x')
    for (const path of ['/usr/sbin/app', '/opt/run', '/usr/sbin/other'])
      expect([path, hosts.isAsShipped(host, path, now())]).toEqual([path, false])
  })

  it('is as shipped again after an upgrade, without a restart of the agent', async () => {
    installed('1', { 'usr/sbin/app': 'program' })
    const hosts = new HostFiles()
    await hosts.database(root)
    const host = { root, programs: {} }
    installed('2', { 'usr/sbin/app': 'upgraded', 'usr/sbin/helper': 'new' })
    expect(hosts.isAsShipped(host, '/usr/sbin/app', now())).toBe(true)
    expect(hosts.ships(host, '/usr/sbin/helper')).toBe(true)
  })

  it('is not compared where it changed after its use, vanished, or is a link by now', async () => {
    installed('1', { 'usr/sbin/app': 'program' })
    const hosts = new HostFiles()
    await hosts.database(root)
    const host = { root, programs: {} }
    expect(hosts.isAsShipped(host, '/usr/sbin/app', '2020-01-01T00:00:00Z')).toBeUndefined()
    rmSync(join(root, 'usr/sbin/app'))
    expect(hosts.isAsShipped(host, '/usr/sbin/app', now())).toBeUndefined()
    symlinkSync('/bin/busybox', join(root, 'usr/sbin/app'))
    expect(hosts.isAsShipped(host, '/usr/sbin/app', now())).toBeUndefined()
  })

  it('is found in the database of apk too', async () => {
    const sha1 = createHash('sha1').update('program').digest('base64')
    write('lib/apk/db/installed', `P:app\nV:3-r0\nA:x86_64\nF:usr/sbin\nR:app\nZ:Q1${sha1}\n`)
    write('usr/sbin/app', 'program')
    chmodSync(join(root, 'usr/sbin/app'), 0o755)
    write('etc/systemd/system/app.service', service('ExecStart=/usr/sbin/app'))
    expect((await identity()).image.tag).toBe('3-r0')
    const hosts = new HostFiles()
    await hosts.database(root)
    expect(hosts.isAsShipped({ root, programs: {} }, '/usr/sbin/app', now())).toBe(true)
  })
})

describe('a package database that is asked in the middle of an upgrade', () => {
  it('has the new version once dpkg has written that, after the sums', async () => {
    installed('1.0', { 'usr/sbin/app': 'one' })
    const database = await packageDatabase(root)
    const asked = (): unknown => database?.find('/usr/sbin/app')
    const sums = (text: string): object => ({ algorithm: 'md5', sums: [sum('md5', text)] })
    expect(asked()).toMatchObject({ package: { version: '1.0' }, ...sums('one') })
    replace('var/lib/dpkg/info/app.md5sums', `${sum('md5', 'two')}  usr/sbin/app\n`)
    await settledTimes()
    expect(asked()).toMatchObject({ package: { version: '1.0' }, ...sums('two') })
    await settledTimes()
    const status = readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8')
    replace('var/lib/dpkg/status', status.replace('Version: 1.0', 'Version: 2.0'))
    expect(asked()).toMatchObject({ package: { version: '2.0' }, ...sums('two') })
    write(
      'var/lib/dpkg/status',
      status.replace('install ok installed', 'deinstall ok config-files'),
    )
    expect(asked()).toBeUndefined()
  })

  it('has a new package once dpkg has written that, after the sums', async () => {
    installed('1.0', { 'usr/sbin/app': 'one' })
    const database = await packageDatabase(root)
    const asked = (): unknown => database?.find('/usr/sbin/more')?.package
    replace('var/lib/dpkg/info/more.md5sums', `${sum('md5', 'more')}  usr/sbin/more\n`)
    await settledTimes()
    expect(asked()).toBeUndefined()
    await settledTimes()
    const status = readFileSync(join(root, 'var/lib/dpkg/status'), 'utf8')
    const more = 'Package: more\nStatus: install ok installed\nArchitecture: all\nVersion: 3\n\n'
    replace('var/lib/dpkg/status', `${more}${status}`)
    expect(asked()).toEqual({ name: 'more', version: '3', architecture: 'all' })
  })
})

/** As dpkg does it, which its folder shows. */
function replace(path: string, text: string): void {
  write(`${path}-new`, text)
  renameSync(join(root, `${path}-new`), join(root, path))
}

/** Until the times of files that were written before are no longer those of now. */
const settledTimes = (): Promise<void> => delay(3 * tickMs)
