import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type Docker from 'dockerode'
import { importRoot, nginxRoot } from '../../fixtures/images.ts'
import { derive } from '../../fixtures/service-images.ts'
import { compile } from '../../fixtures/compiled-program.ts'

/** What an image has beside empty folders; all by the path below its root. */
export interface Files {
  readonly folders?: readonly string[]
  /** Programs, by the file that is copied. */
  readonly programs?: Readonly<Record<string, string>>
  readonly links?: Readonly<Record<string, string>>
  /** Executable where they begin with `#!`. */
  readonly texts?: Readonly<Record<string, string>>
}

/** An image of one layer. Nothing runs for it: a container takes seconds in an emulated machine. */
export async function importFiles(docker: Docker, name: string, files: Files): Promise<void> {
  const folder = mkdtempSync('/var/tmp/snug-story-')
  try {
    addFiles(join(folder, 'root'), files)
    const tar = join(folder, 'image.tar')
    execFileSync('tar', ['-C', join(folder, 'root'), '-cf', tar, '.'])
    await importRoot(docker, name, tar)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function addFiles(
  root: string,
  { folders = [], programs = {}, links = {}, texts = {} }: Files,
): void {
  const place = (path: string): string => {
    const to = join(root, path)
    mkdirSync(dirname(to), { recursive: true })
    return to
  }
  for (const path of folders) mkdirSync(join(root, path), { recursive: true })
  for (const [path, from] of Object.entries(programs)) {
    copyFileSync(from, place(path))
    chmodSync(join(root, path), 0o755)
  }
  for (const [path, to] of Object.entries(links)) symlinkSync(to, place(path))
  for (const [path, text] of Object.entries(texts))
    writeFileSync(place(path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
}

const redisConf = `bind 0.0.0.0
protected-mode no
dir /var/lib/redis
save 1 1
loadmodule /usr/lib/redis/ops.so
`

/** nginx and redis of Debian with the vulnerability of `redis-ops.c`, packed for {@link importServices}. */
export async function packServices(folder: string): Promise<string> {
  const root = mkdtempSync(join(folder, 'services-'))
  const unused = ['./usr/lib/*/gconv', './usr/lib/*/perl-base', './var/cache/*', './var/lib/apt/*']
  const excluded = unused.map((path) => `--exclude=${path}`)
  execFileSync('tar', [...excluded, '-C', root, '-xf', await nginxRoot()])
  addFiles(root, {
    folders: ['root/.ssh'],
    programs: { 'usr/lib/redis/ops.so': compile('fixtures/redis-ops.c', 'shared') },
    texts: {
      'etc/redis/redis.conf': redisConf,
      'var/www/html/one.html': '<h1>one</h1>\n',
      'var/www/html/two.css': 'h1 { color: teal }\n',
    },
  })
  const tar = join(folder, 'services.tar')
  execFileSync('tar', ['-C', root, '-cf', tar, '.'])
  rmSync(root, { recursive: true })
  return tar
}

export const redisImage = 'cache:1'
export const webImage = 'web:1'

/** Two images of the same files: {@link redisImage}, run as root, and {@link webImage}. */
export async function importServices(docker: Docker, tar: string): Promise<void> {
  const base = 'services:1'
  await importRoot(docker, base, tar)
  for (const [name, command] of [
    [redisImage, ['/usr/bin/redis-server', '/etc/redis/redis.conf']],
    [webImage, ['/usr/sbin/nginx', '-g', 'daemon off;']],
  ] as const)
    await derive(docker, name, base, {
      files: {},
      copies: {},
      lines: [`CMD ${JSON.stringify(command)}`],
    })
}
