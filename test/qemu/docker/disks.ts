import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianCache, debianRoot } from '../../fixtures/debian-root.ts'

const repository = fileURLToPath(new URL('../../..', import.meta.url))

const packages = [
  'busybox-static',
  'docker.io',
  'iproute2',
  'iptables',
  'kmod',
  'libbpf1',
  'libelf1t64',
  'mount',
  'nodejs',
  'redis-tools',
  'util-linux',
  'wrk',
  'zlib1g',
]

/** Debian 13 with Docker and Node, as a disk image of ext4. Kept between runs: a machine writes to a copy. */
export async function debianDisk(): Promise<string> {
  const name = `debian-13-host-${packages.join('_')}`
  const image = join(debianCache, `${name}.ext4`)
  if (existsSync(image)) return image
  const tar = await debianRoot({
    name,
    packages,
    without: ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*'],
    suite: 'trixie',
  })
  const draft = mkdtempSync(join(debianCache, 'draft-docker-host-'))
  try {
    const root = join(draft, 'root')
    mkdirSync(root)
    execFileSync('tar', ['-C', root, '-xf', tar])
    diskOf(root, join(draft, 'disk'), '6G')
    renameSync(join(draft, 'disk'), image)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
  rmSync(tar)
  return image
}

/** Snug as it was built here, with the packages that it needs, and more files: path below its root → file. */
export function snugDisk(folder: string, files: Readonly<Record<string, string>>): string {
  const tree = mkdtempSync(join(folder, 'snug-'))
  const listed = execFileSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: repository,
    encoding: 'utf8',
  })
  const packages = listed
    .split('\n')
    .map((path) => relative(repository, path))
    .filter((path) => path !== '')
  const parts = ['dist', 'profiles', 'package.json', 'agent/snug-sensor', ...packages]
  execFileSync('sh', [
    '-ec',
    'cd "$0"; to=$1; shift; tar -cf - "$@" | tar -C "$to" -xf -',
    repository,
    tree,
    ...parts,
  ])
  for (const [to, file] of Object.entries(files)) cpSync(file, join(tree, to))
  const image = join(folder, 'snug.ext4')
  diskOf(tree, image, '1G')
  rmSync(tree, { recursive: true })
  return image
}

/** A folder's files, with their owners. The image is sparse. */
function diskOf(from: string, to: string, size: string): void {
  execFileSync('mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', '-d', from, to, size], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}
