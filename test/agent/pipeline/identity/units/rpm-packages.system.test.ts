import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HostFiles } from '../../../../../src/agent/pipeline/identity/units/host-files.ts'
import { packageDatabase } from '../../../../../src/agent/pipeline/identity/units/package-database.ts'
import type { PackageDatabase } from '../../../../../src/agent/pipeline/identity/units/packaged-files.ts'
import { patienceMs } from '../../../../fixtures/patience.ts'
import { buildRpms, inRoot, rpm, type RpmSpec } from '../../../../fixtures/rpm-package.ts'

/** Databases that the real `rpm` makes below a root. */
const packages = mkdtempSync('/tmp/snug-rpms-')
let root: string

const program = '/usr/sbin/app'
const folder = 'var/lib/rpm'
const database = `${folder}/rpmdb.sqlite`
const log = `${database}-wal`
const sum = (text: string, algorithm = 'sha256'): string =>
  createHash(algorithm).update(text).digest('hex')
const app = (version: string, text: string): RpmSpec => ({
  name: 'app',
  version,
  files: { 'usr/sbin/app': text },
})
const file = (version: string): string => join(packages, `app-${version}.rpm`)
const one = file('1.0-1')
const two = file('2.0~rc1^git1-1')

/** Many packages and a large one, with names that others have too. */
const many: RpmSpec = {
  ...app('1-1', 'app'),
  name: 'many',
  files: Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [`opt/many/${at}/${at % 3 ? at : 'main'}`, `${at}`]),
  ),
  others: Object.fromEntries(
    Array.from({ length: 12 }, (_, at) => [
      `many${at}`,
      { [`opt/many${at}/main`]: `main ${at}`, [`opt/many${at}/${'n'.repeat(16 * at + 1)}`]: '' },
    ]),
  ),
}

beforeAll(() => {
  const more = '%config /etc/app.conf\n%ghost /etc/app.state\n'
  const first = app('1:1.0-1', 'one')
  buildRpms({ ...first, files: { ...first.files, 'etc/app.conf': 'settings' }, more }, packages)
  buildRpms(app('1:2.0~rc1^git1-1', 'two'), packages)
  const kill = '%post -p <lua>\nposix.kill(posix.getprocessid("pid"), 9)\n'
  buildRpms({ ...app('2:3-1', 'three'), more: kill }, packages)
  buildRpms({ ...app('0-1', 'old'), macros: { _binary_filedigest_algorithm: '1' } }, packages)
  buildRpms(many, packages)
}, patienceMs)
afterAll(() => rmSync(packages, { recursive: true, force: true }))

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-host-')
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

async function databaseOf(folder = root): Promise<PackageDatabase> {
  const found = await packageDatabase(folder)
  if (found === undefined) throw new Error('no database')
  return found
}

const version = (found: PackageDatabase, path = program): string | undefined =>
  found.find(path)?.package.version

/** Version 1 is installed, and rpm was killed as it upgraded to 3: that one lies in the log. */
function killed(): void {
  rpm(root, '-U', one)
  expect(() => rpm(root, '-U', file('3-1'))).toThrow()
  expect(statSync(join(root, log)).size).toBeGreaterThan(0)
}

describe('the database of rpm', () => {
  it('has the owner and the sum of each file with content, and no others', async () => {
    rpm(root, '-U', one)
    const found = await databaseOf()
    expect(found.find(program)).toEqual({
      package: { name: 'app', version: '1:1.0-1', architecture: 'noarch' },
      algorithm: 'sha256',
      sums: [sum('one')],
    })
    expect(found.find('/etc/app.conf')?.sums).toEqual([sum('settings')])
    for (const path of ['/etc/app.state', '/usr/sbin', '/usr/bin/app', 'app', '/', ''])
      expect([path, found.find(path)]).toEqual([path, undefined])
  })

  it('has MD5 sums of packages from before SHA-256', async () => {
    rpm(root, '-U', file('0-1'))
    const found = await databaseOf()
    expect(found.find(program)).toMatchObject({ algorithm: 'md5', sums: [sum('old', 'md5')] })
  })

  it('is read again after an upgrade, a downgrade and a removal', async () => {
    rpm(root, '-U', one)
    const found = await databaseOf()
    rpm(root, '-U', two)
    expect(found.find(program)).toMatchObject({
      package: { version: '1:2.0~rc1^git1-1' },
      sums: [sum('two')],
    })
    rpm(root, '-U', '--oldpackage', one)
    expect(found.find(program)?.sums).toEqual([sum('one')])
    rpm(root, '-e', 'app')
    expect(found.find(program)).toBeUndefined()
  })

  it('agrees with rpm on all files of many packages and of a large one', async () => {
    const names = ['many', ...Object.keys(many.others ?? {})]
    rpm(root, '-U', ...names.map((name) => join(packages, `${name}-1-1.rpm`)))
    const found = await databaseOf()
    const theirs = rpm(root, '-qa', '--qf', '[%{=NAME} %{FILENAMES} %{FILEDIGESTS}\n]')
    const ours = theirs.trim().replaceAll(/^(\S+) (\S+) \S+$/gm, (_, _name, path: string) => {
      const { package: owner, sums = [] } = found.find(path) ?? {}
      return [owner?.name, path, ...sums].join(' ')
    })
    expect(ours.split('\n')).toHaveLength(324)
    expect(ours).toBe(theirs.trim())
  })

  it('answers with a version that was installed, however often rpm writes meanwhile', async () => {
    rpm(root, '-U', one)
    const found = await databaseOf()
    const writing = { isOver: false }
    const write = async (): Promise<void> => {
      for (const next of [two, one, two, one, two])
        await promisify(execFile)('rpm', [...inRoot(root), '-U', '--oldpackage', next])
      writing.isOver = true
    }
    const written = write()
    const seen = new Set<string | undefined>()
    while (!writing.isOver) {
      seen.add(version(found))
      await setImmediate()
    }
    await written
    expect(seen).toEqual(new Set(['1:1.0-1', '1:2.0~rc1^git1-1']))
    expect(found.find(program)?.sums).toEqual([sum('two')])
  })

  it('names a file by the folder that a link leads to, and lies behind a link itself', async () => {
    rpm(root, '-U', one)
    renameSync(join(root, 'usr/sbin'), join(root, 'usr/bin'))
    symlinkSync('bin', join(root, 'usr/sbin'))
    mkdirSync(join(root, 'usr/lib/sysimage'), { recursive: true })
    renameSync(join(root, folder), join(root, 'usr/lib/sysimage/rpm'))
    symlinkSync('../../usr/lib/sysimage/rpm', join(root, folder))
    expect(version(await databaseOf(), '/usr/bin/app')).toBe('1:1.0-1')
  })

  it('is not found by a link that leads out of the root', async () => {
    const outside = mkdtempSync('/tmp/snug-outside-')
    rpm(outside, '-U', one)
    mkdirSync(join(root, 'var/lib'), { recursive: true })
    symlinkSync(join(outside, folder), join(root, folder))
    expect(await packageDatabase(root)).toBeUndefined()
    rmSync(outside, { recursive: true })
  })

  it('is one of several, because a host of dpkg may have the tools of rpm', async () => {
    rpm(root, '-U', one)
    mkdirSync(join(root, 'var/lib/dpkg/info'), { recursive: true })
    writeFileSync(
      join(root, 'var/lib/dpkg/status'),
      `Package: other\nStatus: install ok installed\nVersion: 7\nConffiles:\n /etc/app.conf ${sum('x', 'md5')}\n`,
    )
    const found = await databaseOf()
    expect([version(found), version(found, '/etc/app.conf')]).toEqual(['1:1.0-1', '7'])
  })
})

describe('the log of the database', () => {
  it('has the newest version where rpm was killed', async () => {
    killed()
    expect(version(await databaseOf())).toBe('2:3-1')
  })

  it('ends where rpm ends it, cut or damaged anywhere', async () => {
    killed()
    const whole = readFileSync(join(root, log))
    const frame = 24 + 4_096
    const cuts = [0, 31, 32, 32 + frame, 32 + 4 * frame, whole.length - 1, whole.length]
    const damaged = (at: number): Buffer => {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      return bytes
    }
    const logs = [
      ...cuts.map((size) => whole.subarray(0, size)),
      ...[0, 20, 25, 32 + 9, 32 + frame + 100, whole.length - 50].map(damaged),
    ]
    const seen = new Set<string | undefined>()
    for (const [at, bytes] of logs.entries()) {
      writeFileSync(join(root, log), bytes)
      const own = version(await databaseOf())
      const other = join(root, `other-${at}`)
      cpSync(join(root, folder), join(other, folder), { recursive: true })
      rmSync(join(other, `${database}-shm`))
      const theirs = rpm(other, '-q', '--qf', '%{EVR} ', 'app')
      expect([at, own]).toEqual([at, theirs.includes('2:3-1') ? '2:3-1' : '1:1.0-1'])
      seen.add(own)
    }
    expect(seen).toEqual(new Set(['1:1.0-1', '2:3-1']))
  })
})

describe('a damaged database of rpm', () => {
  it('gives an answer or an error, and never another kind of failure', async () => {
    rpm(root, '-U', one)
    const whole = readFileSync(join(root, database))
    const found = await databaseOf()
    const change = fc.tuple(fc.nat(whole.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
        const bytes = Buffer.from(whole)
        for (const [at, byte] of changes) bytes[at] = byte
        writeFileSync(join(root, database), bytes)
        try {
          found.find(program)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('proves nothing of a program, and is no database where it is met first', async () => {
    rpm(root, '-U', one)
    // As the agent reaches a host: by a link.
    const link = `${root}-link`
    symlinkSync(root, link)
    const hosts = new HostFiles()
    await hosts.database(link)
    const host = { root: link, programs: {} }
    const now = new Date(Date.now() + 1_000).toISOString()
    const proven = () => [hosts.ships(host, program), hosts.isAsShipped(host, program, now)]
    expect(proven()).toEqual([true, true])
    writeFileSync(join(root, program), 'changed')
    expect(proven()).toEqual([true, false])
    rpm(root, '-U', two)
    expect(proven()).toEqual([true, true])
    writeFileSync(join(root, database), 'damaged')
    expect(proven()).toEqual([undefined, undefined])
    expect(await packageDatabase(root)).toBeUndefined()
    rmSync(link)
  })
})
