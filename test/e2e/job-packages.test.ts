import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compareText } from '../../src/core/compare-text.ts'
import type { GateResult } from '../../src/supplychain/findings/finding.ts'
import { NpmJob, poison, publish } from '../fixtures/npm-job.ts'

/**
 * Packages that others publish and many install, with their trees and install scripts: those that this project depends
 * on, as npm has unpacked them. A registry on this machine serves them.
 */
const root = fileURLToPath(new URL('../../', import.meta.url))
const below = 'node_modules/'
type Versions = Readonly<Record<string, string>>
type Locked = { readonly version: string; readonly hasInstallScript?: boolean }
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>
}
const { dependencies, devDependencies } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
) as { readonly dependencies: Versions; readonly devDependencies: Versions }

/** The first with an install script and the first without are learned. */
const direct = Object.entries({ ...dependencies, ...devDependencies }).sort(([one], [other]) =>
  compareText(one, other),
)
const learned = [true, false].flatMap((hasScript) =>
  direct
    .filter(([name]) => (lock.packages[below + name]?.hasInstallScript ?? false) === hasScript)
    .slice(0, 1),
)
const others = direct.filter((each) => !learned.includes(each))

const name = ['--job', 'shop/build/install']
const install = ['npm', 'install', '--no-audit', '--no-fund']
let job: NpmJob

beforeAll(async () => {
  job = await NpmJob.start()
  for (const [path, { version }] of Object.entries(lock.packages)) {
    const folder = join(job.packages, path.slice(path.lastIndexOf(below) + below.length))
    // Those of other platforms are not installed, and some are twice in the tree.
    if (path === '' || !existsSync(join(root, path)) || existsSync(join(folder, version))) continue
    mkdirSync(folder, { recursive: true })
    symlinkSync(join(root, path), join(folder, version))
  }
  const profile = job.path('learned.json')
  for (const more of [[], ['--profile', profile]]) {
    job.needs(Object.fromEntries(learned))
    const { code, stderr } = await job.record([...name, ...more, '--out', profile], install)
    expect(code, stderr).toBe(0)
  }
})

afterAll(async () => {
  await job[Symbol.asyncDispose]()
})

async function audit(dependencies: Versions): Promise<readonly string[]> {
  job.needs(dependencies)
  const options = ['--mode', 'audit', '--profile', job.path('learned.json'), '-o', 'json']
  const { code, stdout, stderr } = await job.record([...name, ...options], install)
  expect(stdout, stderr).not.toBe('')
  const { findings } = JSON.parse(stdout) as GateResult
  expect([0, 2], stderr).toContain(code)
  return findings.map(({ rule, text }) => `${rule} ${text}`)
}

test('there are at least twenty of them', () => {
  expect(others.length).toBeGreaterThanOrEqual(20)
})

test.each(others)('an install of %s %s is no deviation', async (dependency, version) => {
  expect(await audit({ [dependency]: version })).toEqual([])
  expect(existsSync(join(job.app, below, dependency, 'package.json'))).toBe(true)
})

test('a release of one of them that steals is', async () => {
  const [dependency] = others[0]!
  publish(job.packages, { name: dependency, version: '1000.0.0', ...poison })
  expect((await audit({ [dependency]: '1000.0.0' })).join('\n')).toMatch(/\.ssh\/id_rsa/)
  expect(job.taken).toContain('the key')
})
