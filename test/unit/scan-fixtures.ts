import { createHash } from 'node:crypto'
import { pack } from 'tar-stream'
import type { ImageContents } from '../../src/image/image-archive.ts'
import { readImageStream } from '../../src/image/image-archive.ts'
import { InstalledPackages } from '../../src/image/image-packages.ts'
import { type JoinedScan, joinScan } from '../../src/scan/join.ts'
import { parseReport } from '../../src/scan/parse-report.ts'
import type { ScanReport } from '../../src/scan/report.ts'
import { act, learned, shaper } from './act-fixture.ts'
import { fileOf } from './gate-fixtures.ts'

/** A file by its text, a link by `→ target`, a folder by `/`. */
export type Layer = Readonly<Record<string, string | Buffer>>

async function tar(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const out = pack()
  // The same files are the same bytes.
  const mtime = new Date(0)
  for (const [name, content] of Object.entries(files)) {
    if (content === '/') out.entry({ name, mtime, type: 'directory' })
    else if (typeof content === 'string' && content.startsWith('→ ')) {
      out.entry({ name, mtime, type: 'symlink', linkname: content.slice(2) })
    } else out.entry({ name, mtime }, content)
  }
  out.finalize()
  const parts: Buffer[] = []
  for await (const part of out) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** As `docker save` writes it; the config names the layers that are really there, unless it is `claimed` otherwise. */
export async function savedImage(
  layers: readonly Layer[],
  squeeze: (layer: Buffer) => Buffer = (layer) => layer,
  claimed: readonly Layer[] = layers,
): Promise<Buffer> {
  const blobs = (await Promise.all(layers.map(tar))).map(squeeze)
  const diffIds = (await Promise.all(claimed.map(tar))).map(digestOf)
  const config = {
    config: { User: 'web' },
    rootfs: { diff_ids: diffIds },
  }
  const names = blobs.map((_, at) => `blobs/sha256/layer${at}`)
  const configName = `blobs/sha256/${'a'.repeat(64)}`
  return await tar({
    // The topmost first: order is the manifest's word.
    ...Object.fromEntries(names.map((name, at) => [name, blobs[at] ?? '']).toReversed()),
    [configName]: JSON.stringify(config),
    'manifest.json': JSON.stringify([
      { Config: configName, RepoTags: ['shop/web:2'], Layers: names },
    ]),
  })
}

export async function contentsOf(archive: Buffer): Promise<ImageContents> {
  const { Readable } = await import('node:stream')
  return await readImageStream(Readable.from([archive]))
}

const status = [
  'nginx 1.22.1-9',
  'libssl3 3.0.11-1',
  'perl-base 5.36.0-7',
  'tzdata 2024a-0',
  'netbase 6.4',
]
  .map((line) => line.split(' '))
  .map(([name, version]) => `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\n`)
  .join('\n')

/** A merged `/usr`, packages of Debian, of Node and of Python, a jar, and a program in Go. */
export const layers: readonly Layer[] = [
  {
    'usr/': '/',
    lib: '→ usr/lib',
    bin: '→ usr/bin',
    'var/lib/dpkg/status': status,
    'var/lib/dpkg/info/nginx.list': '/.\n/usr\n/usr/sbin\n/usr/sbin/nginx\n/etc/nginx/nginx.conf\n',
    'var/lib/dpkg/info/libssl3:amd64.list': '/lib/x86_64-linux-gnu/libssl.so.3\n',
    'var/lib/dpkg/info/perl-base.list': '/usr/bin/perl\n/usr/share/perl/a.pm\n',
    'var/lib/dpkg/info/tzdata.list': '/usr/share/zoneinfo/Europe/Berlin\n',
    'var/lib/dpkg/info/netbase.list': '',
    'usr/sbin/nginx': 'x',
    'usr/lib/x86_64-linux-gnu/libssl.so.3': 'x',
    'usr/bin/perl': 'x',
  },
  {
    'app/node_modules/lodash/package.json': '{"name":"lodash","version":"4.17.4"}',
    'app/node_modules/lodash/index.js': 'x',
    'app/node_modules/express/package.json': '{"name":"express","version":"4.0.0"}',
    'app/node_modules/express/node_modules/lodash/package.json':
      '{"name":"lodash","version":"3.0.0"}',
    'app/node_modules/express/node_modules/lodash/index.js': 'x',
    'usr/lib/python3/dist-packages/PyYAML-5.1.dist-info/METADATA':
      'Metadata-Version: 2.1\nName: PyYAML\nVersion: 5.1\n\ntext\n',
    'usr/lib/python3/dist-packages/PyYAML-5.1.dist-info/RECORD':
      'yaml/__init__.py,sha256=x,10\n"yaml/a,b.py",,\n',
    'usr/lib/python3/dist-packages/yaml/__init__.py': 'x',
    'opt/app.jar': 'x',
    'opt/old.jar': 'x',
    'usr/local/bin/server': 'x',
  },
]

/** What runs of it: nginx with TLS, its own server, and Python's YAML; an operator looked with perl. */
export const profile = fileOf(
  learned(
    act.exec('/usr/sbin/nginx', { exe: '/docker-entrypoint.sh' }),
    act.file('/usr/lib/x86_64-linux-gnu/libssl.so.3', ['exec']),
    act.exec('/usr/local/bin/server'),
    // As Python does it: not the module itself, which the package brought.
    act.file('/usr/lib/python3/dist-packages/yaml/__pycache__/__init__.cpython-311.pyc', ['read'], {
      exe: '/usr/bin/python3',
    }),
    act.file('/app/node_modules/lodash/index.js', ['read'], { exe: '/usr/bin/node' }),
    act.file('/opt/app.jar', ['read'], { exe: '/usr/bin/java' }),
    act.exec('/usr/bin/perl', { origin: 'exec-in', session: 's1' }),
  ),
  '2',
)

export const trivy = {
  SchemaVersion: 2,
  ArtifactName: 'shop/web:2',
  Metadata: { ImageID: `sha256:${'a'.repeat(64)}` },
  Results: [
    {
      Target: 'shop/web:2 (debian 12.5)',
      Class: 'os-pkgs',
      Type: 'debian',
      Vulnerabilities: [
        vulnerability('CVE-1', 'nginx', '1.22.1-9', 'MEDIUM', {
          FixedVersion: '1.22.1-10, 1.24.0',
        }),
        vulnerability('CVE-2', 'libssl3', '3.0.11-1', 'CRITICAL'),
        vulnerability('CVE-3', 'tzdata', '2024a-0', 'HIGH'),
        vulnerability('CVE-4', 'perl-base', '5.36.0-7', 'LOW'),
        vulnerability('CVE-5', 'netbase', '6.4', 'HIGH'),
        vulnerability('CVE-6', 'gone', '1', 'HIGH'),
      ],
    },
    {
      Target: 'Node.js',
      Class: 'lang-pkgs',
      Type: 'node-pkg',
      Vulnerabilities: [
        vulnerability('CVE-7', 'lodash', '4.17.4', 'HIGH', {
          PkgPath: 'app/node_modules/lodash/package.json',
        }),
        vulnerability('CVE-7', 'lodash', '3.0.0', 'HIGH', {
          PkgPath: 'app/node_modules/express/node_modules/lodash/package.json',
        }),
        vulnerability('CVE-8', 'express', '4.0.0', 'LOW'),
      ],
    },
    {
      Target: 'Python',
      Class: 'lang-pkgs',
      Type: 'python-pkg',
      Vulnerabilities: [vulnerability('CVE-9', 'pyyaml', '5.1', 'CRITICAL')],
    },
    {
      Target: 'Java',
      Class: 'lang-pkgs',
      Type: 'jar',
      Vulnerabilities: [
        vulnerability('CVE-10', 'org.x:log', '1', 'HIGH', {
          PkgPath: 'opt/app.jar/BOOT-INF/lib/log.jar',
        }),
        vulnerability('CVE-11', 'org.x:log', '1', 'HIGH', { PkgPath: 'opt/old.jar' }),
      ],
    },
    {
      Target: 'usr/local/bin/server',
      Class: 'lang-pkgs',
      Type: 'gobinary',
      Vulnerabilities: [vulnerability('CVE-12', 'golang.org/x/net', '0.1', 'HIGH')],
    },
    { Target: 'empty', Class: 'lang-pkgs', Type: 'bundler' },
  ],
}

function vulnerability(id: string, name: string, version: string, severity: string, more = {}) {
  return {
    VulnerabilityID: id,
    PkgName: name,
    InstalledVersion: version,
    Severity: severity,
    ...more,
  }
}

export async function joinedWith(...reports: readonly unknown[]): Promise<JoinedScan> {
  const { tree } = await contentsOf(await savedImage(layers))
  const parsed: readonly ScanReport[] = reports.map(parseReport)
  const contents = { tree, packages: new InstalledPackages(tree) }
  return joinScan({ image: 'shop/web:2', reports: parsed, profile, contents, shaper })
}
