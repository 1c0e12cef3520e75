import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Apt, aptFor, fetchPackages, packageCache } from '../fixtures/debian-packages.ts'
import type { Platform } from './platform.ts'

export interface DebianKernel {
  readonly release: string
  readonly image: string
  /** The kernel module of that name, unpacked; undefined where it is built in. */
  module(name: string): Buffer | undefined
}

/**
 * Debian's kernel for that machine: the package that the meta package stands for today, unpacked and kept in
 * `.build`. Nothing is installed, and dpkg's own list of architectures is left alone.
 */
export function debianKernel(platform: Platform): DebianKernel {
  const apt = aptFor(platform)
  const name = newest(platform, apt)
  const folder = join(packageCache, platform.debian, name)
  if (!existsSync(folder)) fetchPackages([name, ...partsOf(name, apt)], folder, apt)
  const release = name.slice('linux-image-'.length)
  const image = [
    join(folder, 'boot', `vmlinuz-${release}`),
    join(folder, 'boot', `vmlinux-${release}`),
    join(folder, 'usr/lib/modules', release, 'vmlinuz'),
  ].find((path) => existsSync(path))
  if (image === undefined) throw new Error(`${name} holds no kernel`)
  return {
    release,
    image,
    module: (module) => findModule(modulesOf(folder, release), module),
  }
}

/** Since 7.x the kernel and its modules are packages that the image depends on. */
function partsOf(name: string, apt: Apt): readonly string[] {
  const depends = apt('cache', ['depends', name])
  return [...depends.matchAll(/Depends: (linux-(?:binary|modules)-\S+)/g)].flatMap(
    ([, part]) => part ?? [],
  )
}

function newest(platform: Platform, apt: Apt): string {
  const find = (): string | undefined => {
    try {
      return /Depends: (linux-image-\S+)/.exec(apt('cache', ['depends', platform.kernel]))?.[1]
    } catch {
      return undefined
    }
  }
  let found = find()
  if (found === undefined) {
    apt('get', ['update', '-qq'])
    found = find()
  }
  if (found === undefined) throw new Error(`apt knows no ${platform.kernel}`)
  return found
}

/** Before Debian 13, packages have them in /lib. */
function modulesOf(folder: string, release: string): string {
  const merged = join(folder, 'usr/lib/modules', release)
  return existsSync(merged) ? merged : join(folder, 'lib/modules', release)
}

function findModule(folder: string, name: string): Buffer | undefined {
  const wanted = new RegExp(`/${name}\\.ko(\\.xz)?$`)
  const file = readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((path) =>
    wanted.test(`/${path}`),
  )
  if (file === undefined) return undefined
  const path = join(folder, file)
  return path.endsWith('.xz')
    ? execFileSync('xz', ['-dc', path], { maxBuffer: 64 << 20 })
    : readFileSync(path)
}
