import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Programs } from './initramfs.ts'
import { aptFor, cache, fetchPackages } from './kernel-package.ts'
import type { Platform } from './platform.ts'

const agent = fileURLToPath(new URL('../../agent', import.meta.url))

/** The packages that the sensor needs for its build and at run time, with their dependencies. */
const packages = [
  'busybox-static',
  'libc6',
  'libbpf1',
  'libbpf-dev',
  'libelf1t64',
  'libelf-dev',
  'zlib1g',
  'zlib1g-dev',
  'libzstd1',
]
const libraries = ['libc.so.6', 'libbpf.so.1', 'libelf.so.1', 'libz.so.1', 'libzstd.so.1']

/** The sensor compiled for another machine, from a copy of its sources, with Debian's libraries of that machine. */
export function crossPrograms(platform: Platform): Programs {
  const sysroot = join(cache, platform.debian, 'sysroot')
  if (!existsSync(sysroot)) fetchPackages(packages, sysroot, aptFor(platform))
  const folder = join(sysroot, 'usr/lib', platform.triplet)
  const build = join(cache, platform.debian, 'agent')
  rmSync(build, { recursive: true, force: true })
  cpSync(agent, build, {
    recursive: true,
    filter: (path) => path !== join(agent, 'build') && path !== join(agent, 'snug-sensor'),
  })
  execFileSync(
    'make',
    [
      '-s',
      `--directory=${build}`,
      `CC=${platform.compiler}`,
      `CPPFLAGS=-I${join(sysroot, 'usr/include')} -I/usr/${platform.triplet}/include`,
      `LDFLAGS=-L${folder} -Wl,-rpath-link,${folder}`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const loader = readdirSync(folder).find((name) => name.startsWith('ld-linux'))
  if (loader === undefined) throw new Error(`no loader in ${folder}`)
  return {
    busybox: join(sysroot, 'usr/bin/busybox'),
    sensor: join(build, 'snug-sensor'),
    libraries: new Map([
      [`/lib/${loader}`, realpathSync(join(folder, loader))],
      ...libraries.map(
        (name) => [`/lib/${platform.triplet}/${name}`, realpathSync(join(folder, name))] as const,
      ),
    ]),
  }
}
