import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { aptFor, fetchPackages, packageCache } from '../fixtures/debian-packages.ts'
import { releaseSensor } from '../fixtures/release-sensors.ts'
import type { Programs } from './initramfs.ts'
import type { Platform } from './platform.ts'

/** The sensor compiled for another machine as a release compiles it, and Debian's busybox and loader of that machine. */
export function crossPrograms(platform: Platform): Programs {
  const sysroot = join(packageCache, platform.debian, 'programs')
  if (!existsSync(sysroot)) fetchPackages(['busybox-static', 'libc6'], sysroot, aptFor(platform))
  const folder = join(sysroot, 'usr/lib', platform.triplet)
  const loader = readdirSync(folder).find((name) => name.startsWith('ld-linux'))
  if (loader === undefined) throw new Error(`no loader in ${folder}`)
  return {
    busybox: join(sysroot, 'usr/bin/busybox'),
    sensor: releaseSensor(platform.debian),
    loader: realpathSync(join(folder, loader)),
  }
}
