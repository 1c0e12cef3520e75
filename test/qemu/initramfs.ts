import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DebianKernel } from './kernel-package.ts'
import type { Platform } from './platform.ts'

/** Where the programs of the machine come from. */
export interface Programs {
  readonly busybox: string
  readonly sensor: string
  /** The dynamic loader, which runs what it is given; no program of the machine needs it. */
  readonly loader: string
}

/** For this machine's own architecture: the sensor as built. */
export function ownPrograms(sensor: string): Programs {
  const listed = execFileSync('ldd', ['/bin/sh'], { encoding: 'utf8' })
  const loader = /(\/\S*\/ld-\S+) \(0x/.exec(listed)?.[1]
  if (loader === undefined) throw new Error(`no loader among the libraries of /bin/sh: ${listed}`)
  return { busybox: '/bin/busybox', sensor, loader }
}

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** In the order in which they are loaded. Newer kernels of Debian have most of them built in. */
const modules = [
  'virtio',
  'virtio_ring',
  'virtio_pci_modern_dev',
  'virtio_pci_legacy_dev',
  'virtio_pci',
  'virtio_console',
  'overlay',
  'veth',
]

/** Makes `initrd` in the folder: the machine's own root, and below `/image` that of its containers. */
export function buildInitramfs(
  folder: string,
  platform: Platform,
  kernel: DebianKernel,
  programs: Programs,
  addTo?: (root: string) => void,
): string {
  const root = join(folder, 'root')
  for (const name of ['bin', 'modules', 'dev', 'proc', 'sys']) {
    mkdirSync(join(root, name), { recursive: true })
  }
  install(here('init.sh'), join(root, 'init'))
  install(here('launch.sh'), join(root, 'launch'))
  install(programs.busybox, join(root, 'bin/busybox'))
  install(programs.sensor, join(root, 'bin/snug-sensor'))
  for (const [index, name] of modules.entries()) {
    const module = kernel.module(name)
    if (module !== undefined) writeFileSync(join(root, `modules/${index}-${name}.ko`), module)
  }
  buildImage(join(root, 'image'), platform, programs)
  addTo?.(root)

  const initrd = join(folder, 'initrd')
  execFileSync(
    'sh',
    ['-ec', 'find . -print0 | cpio -0 -o -H newc -R 0:0 --quiet | gzip -1 >"$0"', initrd],
    { cwd: root },
  )
  return initrd
}

const containerPrograms = [
  ['workload', '../sensor/workload.c'],
  ['acts', '../sensor/acts.c'],
  ['bypass', '../fixtures/bypass-acts.c'],
] as const

function buildImage(image: string, platform: Platform, programs: Programs): void {
  for (const name of ['bin', 'etc', 'data', 'mnt', 'proc', 'dev', 'tmp']) {
    mkdirSync(join(image, name), { recursive: true })
  }
  install(programs.busybox, join(image, 'bin/busybox'))
  for (const [name, source] of containerPrograms) {
    const target = join(image, 'bin', name)
    const { compiler, containerCompiler = compiler } = platform
    execFileSync(containerCompiler, ['-O2', '-static', '-o', target, here(source)])
  }
  install(join(image, 'bin/bypass'), join(image, 'bin/forbidden'))
  install(programs.loader, join(image, 'lib/loader'))
  writeFileSync(join(image, 'data/allowed'), 'allowed\n')
  writeFileSync(join(image, 'etc/secret'), 'secret\n')
  writeFileSync(join(image, 'etc/private'), 'private\n', { mode: 0o600 })
  writeFileSync(join(image, 'data/compat'), 'x')
  for (const [name, line] of [
    ['script', ':'],
    ['reader', 'read -r line </data/pointer || exit 7'],
  ]) {
    writeFileSync(join(image, `etc/${name}.sh`), `#!/bin/busybox sh\n${line}\n`, { mode: 0o755 })
  }
}

function install(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
  chmodSync(to, 0o755)
}
