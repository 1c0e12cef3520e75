import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Platform } from './platform.ts'

export const cache = fileURLToPath(new URL('../../.build/kernels', import.meta.url))

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
  const folder = join(cache, platform.debian, name)
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

/** apt-get and apt-cache with separate lists where the machine's lists are for another architecture. */
type Apt = (tool: 'get' | 'cache', args: readonly string[], cwd?: string) => string

export function aptFor(platform: Platform): Apt {
  const native = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
  const { suite } = platform
  const state = join(cache, ['apt', platform.debian, suite].filter(Boolean).join('-'))
  const sources = join(state, 'suite.list')
  if (suite !== undefined) {
    mkdirSync(state, { recursive: true })
    writeFileSync(sources, `deb http://deb.debian.org/debian ${suite} main\n`)
  }
  const options =
    native === platform.debian && suite === undefined
      ? []
      : [
          `-oAPT::Architecture=${platform.debian}`,
          `-oAPT::Architectures=${platform.debian}`,
          `-oDir::State=${state}`,
          `-oDir::Cache=${state}`,
          '-oDir::State::status=/dev/null',
          ...(suite === undefined
            ? []
            : [`-oDir::Etc::sourcelist=${sources}`, '-oDir::Etc::sourceparts=-']),
          // The sandbox user may not be allowed to write where the tests run.
          '-oAPT::Sandbox::User=root',
        ]
  return (tool, args, cwd) => {
    mkdirSync(join(state, 'lists/partial'), { recursive: true })
    return execFileSync(`apt-${tool}`, [...options, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(cwd !== undefined && { cwd }),
    })
  }
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

/** Unpacks Debian packages into a folder that is there as a whole or not at all. */
export function fetchPackages(names: readonly string[], folder: string, apt: Apt): void {
  const working = `${folder}.${process.pid}`
  rmSync(working, { recursive: true, force: true })
  mkdirSync(working, { recursive: true })
  try {
    apt('get', ['download', '-qq', ...names], working)
  } catch {
    // The lists name a version that the archive has no more.
    apt('get', ['update', '-qq'])
    apt('get', ['download', '-qq', ...names], working)
  }
  for (const file of readdirSync(working).filter((name) => name.endsWith('.deb'))) {
    execFileSync('dpkg', ['-x', join(working, file), working])
    rmSync(join(working, file))
  }
  renameSync(working, folder)
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
