import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { debianCache, debianRoot } from '../fixtures/debian-root.ts'

const run = promisify(execFile)

/** Documents and translations: no service reads them here, and they are large. */
const without = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*']

const usualSuite = 'trixie'
/** Debian's suite. Others make other builds of the programs. */
export const suite = process.env['SNUG_EVAL_SUITE'] ?? usualSuite
const kept = suite === usualSuite ? 'eval' : `eval-${suite}`

/** The base layer of every image; built once (a minute), then kept. */
export function baseTar(): Promise<string> {
  return debianRoot({
    name: `${kept}-base`,
    packages: ['ca-certificates'],
    without,
    options: ['--essential-hook=mkdir -p "$1/usr/share/man/man1"'],
    suite,
  })
}

/** The base, unpacked, with the lists of packages. */
async function baseFolder(): Promise<string> {
  const folder = join(debianCache, `${kept}-base`)
  if (existsSync(folder)) return folder
  const tar = await baseTar()
  const draft = mkdtempSync(join(debianCache, 'draft-base-'))
  await run('tar', ['-C', draft, '-xf', tar])
  await run('cp', ['--remove-destination', '/etc/resolv.conf', join(draft, 'etc/resolv.conf')])
  await run('chroot', [draft, 'apt-get', '-q', 'update'])
  renameSync(draft, folder)
  return folder
}

/**
 * The files that these packages add to the base, as a tar: a layer. A root file system for each service would take a
 * minute and 80 MB each. Kept between runs.
 */
export function packageLayer(packages: readonly string[]): Promise<string> {
  const tar = join(debianCache, `${kept}-layer-${[...packages].sort().join('_')}.tar`)
  return once(tar, async () => {
    if (!existsSync(tar)) await installed(packages, (upper) => packed(upper, tar))
    return tar
  })
}

const building = new Map<string, Promise<string>>()

/** Services of a batch that need the same folder or layer wait for one that builds it. */
function once(name: string, build: () => Promise<string>): Promise<string> {
  const running = building.get(name)
  if (running !== undefined) return running
  const started = build().finally(() => building.delete(name))
  building.set(name, started)
  return started
}

/** The base with these packages, unpacked: client programs run in it by `chroot`. */
export function toolFolder(packages: readonly string[]): Promise<string> {
  const folder = join(debianCache, `${kept}-tools-${[...packages].sort().join('_')}`)
  return once(folder, () => makeToolFolder(packages, folder))
}

async function makeToolFolder(packages: readonly string[], folder: string): Promise<string> {
  if (existsSync(folder)) return folder
  const draft = mkdtempSync(join(debianCache, 'draft-tools-'))
  const layer = await packageLayer(packages)
  await run('tar', ['-C', draft, '-xf', await baseTar()])
  await run('tar', ['-C', draft, '-xf', layer])
  renameSync(draft, folder)
  return folder
}

async function packed(upper: string, tar: string): Promise<void> {
  const draft = `${tar}.draft-${process.pid}`
  const left = ['./tmp', './run', './dev', './proc', './var/lib/apt', './var/cache/apt']
  const excludes = left.map((path) => `--exclude=${path}/*`)
  await run('tar', ['-C', upper, '--numeric-owner', ...excludes, '-cf', draft, '.'])
  renameSync(draft, tar)
}

async function installed(
  packages: readonly string[],
  use: (upper: string) => Promise<void>,
): Promise<void> {
  const lower = await baseFolder()
  const work = mkdtempSync('/var/tmp/snug-eval-layer-')
  const [upper, root] = [join(work, 'upper'), join(work, 'root')]
  for (const folder of [upper, root, join(work, 'work')]) mkdirSync(folder)
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${join(work, 'work')}`
  await run('mount', ['-t', 'overlay', 'overlay', '-o', options, root])
  const processes = join(root, 'proc')
  try {
    // Some packages are configured by programs that need it.
    await run('mount', ['-t', 'proc', 'proc', processes])
    // No service is started while its package is installed.
    const policy = join(root, 'usr/sbin/policy-rc.d')
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
    const install = ['install', '-qy', '--no-install-recommends', ...packages]
    await run('chroot', [root, 'apt-get', ...install], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
      maxBuffer: 64 << 20,
    })
    rmSync(policy)
    await run('umount', [processes])
    await run('umount', [root])
    await use(upper)
  } finally {
    for (const folder of [processes, root])
      await run('umount', ['-l', folder]).catch(() => undefined)
    rmSync(work, { recursive: true, force: true })
  }
}
