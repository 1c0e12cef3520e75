import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SnugError } from '../../../src/errors.ts'
import { ndbHeaders } from '../../../src/support/rpm/ndb-file.ts'
import { InstalledPackages } from '../../../src/supplychain/image/image-packages.ts'
import { readRpmDatabase } from '../../../src/supplychain/image/rpm-database.ts'
import { contentsOf, type Layer, layers, savedImage } from '../../fixtures/scan-fixtures.ts'

/** Layers and databases as others write them: by Debian's own `zstd`, `rpmbuild` and `rpm`. */
let folder = ''
/** By the name of the file. */
const databases: Record<'rpmdb.sqlite' | 'Packages.db' | 'Packages', Buffer> = {
  'rpmdb.sqlite': Buffer.alloc(0),
  'Packages.db': Buffer.alloc(0),
  Packages: Buffer.alloc(0),
}
const forms = Object.keys(databases) as (keyof typeof databases)[]

/** As rpm before 4.16, whose Berkeley DB Debian still has in Perl: the number of each package, and its header. */
const berkeley = `
use DB_File; use Fcntl;
$DB_HASH->{bsize} = 4096;
tie my %packages, 'DB_File', 'Packages', O_CREAT|O_RDWR, 0644, $DB_HASH or die $!;
$packages{pack('L', 0)} = pack('L', scalar @ARGV);
my $number = 0;
for my $path (@ARGV) {
  open my $file, '<:raw', $path or die $!;
  local $/;
  $packages{pack('L', ++$number)} = <$file>;
}
`

const spec = `
Name: hello
Epoch: 1
Version: 2.1~rc1
Release: 3.el9
Summary: says hello
License: MIT
BuildArch: noarch
%description
Says hello.
%package -n hello-data
Summary: what it says
%description -n hello-data
What it says.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/usr/share/hello/empty
echo hello >%{buildroot}/usr/bin/hello
echo hello >%{buildroot}/usr/share/hello/text
ln -s text %{buildroot}/usr/share/hello/link
%files
/usr/bin/hello
%files -n hello-data
/usr/share/hello
`

beforeAll(() => {
  folder = mkdtempSync('/tmp/snug-rpm-')
  writeFileSync(join(folder, 'hello.spec'), spec)
  const sh = (line: string) => execFileSync('sh', ['-ec', line], { cwd: folder, stdio: 'pipe' })
  sh('rpmbuild -bb --quiet --define "_topdir $PWD/top" --define "_dbpath $PWD/none" hello.spec')
  for (const backend of ['sqlite', 'ndb']) {
    const rpm = `rpm -D '_db_backend ${backend}' --root "$PWD/${backend}" --dbpath /var/lib/rpm`
    sh(`mkdir ${backend} && ${rpm} --initdb && ${rpm} -i --nodeps top/RPMS/noarch/*.rpm`)
  }
  databases['rpmdb.sqlite'] = readFileSync(join(folder, 'sqlite/var/lib/rpm/rpmdb.sqlite'))
  databases['Packages.db'] = readFileSync(join(folder, 'ndb/var/lib/rpm/Packages.db'))
  const headers = ndbHeaders(databases['Packages.db'])
  const paths = headers.map((header, at) => {
    writeFileSync(join(folder, `header${at}`), header)
    return `header${at}`
  })
  execFileSync('perl', ['-e', berkeley, ...paths], { cwd: folder })
  databases.Packages = readFileSync(join(folder, 'Packages'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.each(forms)('reads %s that rpm wrote, with the epoch, and without folders', (form) => {
  const found = readRpmDatabase(databases[form])
  expect(found.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: 'hello', version: '1:2.1~rc1-3.el9', files: ['/usr/bin/hello'] },
    {
      name: 'hello-data',
      version: '1:2.1~rc1-3.el9',
      files: ['/usr/share/hello/link', '/usr/share/hello/text'],
    },
  ])
})

it.each(
  forms.flatMap((form) => [
    ['var/lib/rpm', form] as const,
    ['usr/lib/sysimage/rpm', form] as const,
  ]),
)('reads the packages of an image from %s/%s', async (where, form) => {
  const { tree } = await contentsOf(await savedImage([{ [`${where}/${form}`]: databases[form] }]))
  expect(new InstalledPackages(tree).os('hello')).toEqual([
    { name: 'hello', version: '1:2.1~rc1-3.el9', files: ['/usr/bin/hello'] },
  ])
})

it.each(forms)('reads or refuses %s with bytes changed or cut, by code', (form) => {
  const database = databases[form]
  const isRefused = (bytes: Buffer): boolean => {
    try {
      readRpmDatabase(bytes)
      return false
    } catch (error) {
      expect(error).toMatchObject({ code: 'IMAGE_INVALID', cause: expect.any(RangeError) })
      return true
    }
  }
  for (const bytes of [Buffer.alloc(0), Buffer.from('no database'), database.subarray(0, 5_000)])
    expect(isRefused(bytes)).toBe(true)
  const change = fc.tuple(fc.nat(database.length - 1), fc.nat(255))
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 40 }), (changes) => {
      const bytes = Buffer.from(database)
      for (const [at, byte] of changes) bytes[at] = byte
      isRefused(bytes)
    }),
    { numRuns: 1_000 },
  )
})

/** All of a layer in one frame, in one with a large window, and in several, one after the other. */
const squeezes: Readonly<Record<string, (layer: Buffer) => Buffer>> = {
  'in one frame': (layer) => zstd(layer, '-3'),
  'with checksums and a large window': (layer) => zstd(layer, '--check', '--long=27', '-19'),
  'in several frames': (layer) =>
    Buffer.concat([zstd(layer.subarray(0, 700), '-1'), zstd(layer.subarray(700), '-9')]),
}

function zstd(input: Buffer, ...options: readonly string[]): Buffer {
  return execFileSync('zstd', ['-c', '-q', ...options], { input, maxBuffer: 64 << 20 })
}

it.each(Object.entries(squeezes))('unpacks layers of zstd %s', async (_, squeeze) => {
  // More than a block and a window, to cover the whole format.
  const large = Buffer.from(new Uint8Array(3 << 20).map((_, at) => (at * at) >>> 7))
  const all = [...layers, { 'opt/large': large, 'opt/last': 'x' }]
  const { tree } = await contentsOf(await savedImage(all, squeeze))
  expect(tree.read('/app/node_modules/lodash/package.json')).toContain('4.17.4')
  expect(new InstalledPackages(tree).os('nginx')).toHaveLength(1)
  expect(tree.has('/opt/last')).toBe(true)
})

it('refuses a layer of zstd that is cut or has any byte changed, by code', async () => {
  const cut = savedImage(layers, (layer) => zstd(layer).subarray(0, -9))
  await expect(contentsOf(await cut)).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
  const text: Layer = { 'opt/text': Buffer.alloc(70_000, 'snug and loose ') }
  let packed: Buffer = Buffer.alloc(0)
  await savedImage([text], (layer) => (packed = zstd(layer)))
  let refused = 0
  for (let at = 0; at < packed.length; at += 1) {
    for (const flip of [1, 16, 255]) {
      const changed = Buffer.from(packed)
      changed[at] = (changed[at] ?? 0) ^ flip
      const image = await savedImage([text], () => changed)
      // The output is the packed data or an error: a flipped bit without meaning, or of the checksum, may pass.
      const found = await contentsOf(image).catch((error: unknown) => error)
      if (found instanceof SnugError) {
        expect(found.code).toBe('IMAGE_INVALID')
        refused += 1
      } else expect(found).toMatchObject({ facts: { user: 'web' } })
    }
  }
  expect(packed.length).toBeGreaterThan(60)
  expect(refused).toBeGreaterThan((packed.length - 8) * 3)
})

it.each([
  ['no compression', (layer: Buffer) => layer],
  ['gzip', gzipSync],
  ['zstd', (layer: Buffer) => zstd(layer)],
])('refuses a layer of %s that is not the one its config names', async (_, squeeze) => {
  const [bottom = {}] = layers
  const forged = await savedImage([bottom], squeeze, [{ ...bottom, 'usr/bin/more': 'x' }])
  await expect(contentsOf(forged)).rejects.toMatchObject({ code: 'IMAGE_INVALID' })
  await expect(contentsOf(await savedImage([bottom], squeeze, []))).rejects.toMatchObject({
    code: 'IMAGE_INVALID',
  })
})
