import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
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
  if (!existsSync(folder)) fetchPackages([name], folder, apt)
  const boot = join(folder, 'boot')
  const image = readdirSync(boot).find((file) => file.startsWith('vmlinu'))
  if (image === undefined) throw new Error(`${name} holds no kernel`)
  const release = image.slice(image.indexOf('-') + 1)
  return {
    release,
    image: join(boot, image),
    module: (module) => findModule(join(folder, 'usr/lib/modules', release), module),
  }
}

/** apt-get and apt-cache with separate lists where the machine's lists are for another architecture. */
type Apt = (tool: 'get' | 'cache', args: readonly string[], cwd?: string) => string

export function aptFor(platform: Platform): Apt {
  const native = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()
  const state = join(cache, `apt-${platform.debian}`)
  const options =
    native === platform.debian
      ? []
      : [
          `-oAPT::Architecture=${platform.debian}`,
          `-oAPT::Architectures=${platform.debian}`,
          `-oDir::State=${state}`,
          `-oDir::Cache=${state}`,
          '-oDir::State::status=/dev/null',
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
