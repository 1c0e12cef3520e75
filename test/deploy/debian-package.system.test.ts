import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/engine/api/engine-views.ts'
import { removeDemoCgroup } from '../../src/interfaces/demo/tiny-container.ts'
import { BareRoot } from '../fixtures/bare-root.ts'
import { BuiltPackages } from '../fixtures/debian-package.ts'
import { PackagedService } from '../fixtures/packaged-service.ts'

/**
 * The package for Debian in a Debian 13 that has nothing but what it depends on, and what the kernel of this machine
 * does while it is installed, upgraded and removed.
 */
const image = 'test/loop:1'
const kernelState = `/sys/fs/bpf/snug-package-${process.pid}`
const config = `
node: bare
listen: none
kernelState: ${kernelState}
learn: { floor: 1s, ceiling: 7d, unseen: 1 }
block: { canary: 1 }
engines: { docker: { socket: none }, static: { manifest: /srv/containers.json } }
`

let root: BareRoot
let service: PackagedService | undefined
let agent: ChildProcess | undefined

async function startAgent(): Promise<void> {
  agent = root.spawn(['snug', 'agent'], openSync(join(root.path, 'agent.log'), 'a'))
  await root.must('snug', 'status', '--wait', '2m')
}

async function stopAgent(): Promise<void> {
  if (agent === undefined) return
  const gone = once(agent, 'exit')
  agent.kill('SIGTERM')
  await gone
  agent = undefined
}

const statusOf = async (): Promise<StatusView> =>
  JSON.parse(await root.must('snug', 'status', '-o', 'json')) as StatusView

/** The gates before a mode open after a soak of a second. */
async function setMode(mode: 'alert' | 'block'): Promise<void> {
  for (;;) {
    const { code, stderr } = await root.run('snug', 'profile', 'mode', image, mode)
    if (code === 0) return
    if (!/in mode alert for|no version|IMAGE_UNKNOWN|REVISION_STALE/.test(stderr))
      throw new Error(stderr)
    await delay(200)
  }
}

/** The attack goes on with each turn of the container, and has no effect. */
async function expectBlocked(when: string): Promise<void> {
  await service?.turns(5)
  if (service?.attackWorked === false) return
  const { stdout } = await root.run('snug', 'alert', 'list', '-o', 'yaml')
  const { stdout: shown } = await root.run('snug', 'image', 'show', image)
  const log = readFileSync(join(root.path, 'agent.log'), 'utf8')
  throw new Error(`the attack worked ${when}\n${shown}\n${stdout}\n${log.slice(-5_000)}`)
}

const packages = new BuiltPackages()
let deb = ''

beforeAll(async () => {
  deb = packages.build('deb')
  root = await BareRoot.make()
})

afterAll(async () => {
  await stopAgent()
  await service?.stop()
  removeDemoCgroup()
  // Where a test failed before the package was removed.
  if (existsSync(kernelState)) await root.run('snug', 'kernel', 'detach', '--yes')
  root.remove()
  packages.remove()
})

it('installs where nothing but its dependencies is there, and says what to do next', async () => {
  copyFileSync(deb, join(root.path, 'snug.deb'))
  expect((await root.run('sh', '-c', 'command -v cc gcc npm')).stdout).toBe('')
  const printed = await root.must('dpkg', '--install', '/snug.deb')
  expect(printed).toMatch(/^snug: next: /m)
  expect((await root.must('snug', '--version')).trim()).toBe('0.1.0')
  expect(await root.must('getent', 'passwd', 'snug')).toContain('/usr/sbin/nologin')
  expect((await root.must('kubectl-snug', '--version')).trim()).toMatch(/^\d+\.\d+\.\d+/)
  const manual = await root.must('sh', '-c', 'zcat /usr/share/man/man1/snug.1.gz')
  expect(manual).toContain('.SS snug agent')
  expect(await root.must('cat', '/usr/lib/systemd/system/snug.service')).toMatch(
    /^ExecStart=\/usr\/bin\/snug agent$/m,
  )
  await root.must('bash', '-n', '/usr/share/bash-completion/completions/snug')
  expect(await root.must('/usr/lib/snug/agent/snug-sensor', '--libraries')).toContain('libbpf@')
})

it('learns a container, alerts on an attack, and blocks it', async () => {
  writeFileSync(join(root.path, 'etc/snug/snug.yaml'), config)
  writeFileSync(join(root.path, 'srv/containers.json'), '{"containers":[]}')
  await startAgent()
  service = await PackagedService.start(root.path)
  await service.turns(20)
  await setMode('alert')
  service.attack()
  while (!service.attackWorked) await delay(100)
  const alerts = async (): Promise<readonly Alert[]> =>
    JSON.parse(await root.must('snug', 'alert', 'list', '-o', 'json')) as readonly Alert[]
  await expect
    .poll(async () => (await alerts()).map(({ behaviour }) => behaviour?.text).join(), {
      timeout: 60_000,
    })
    .toContain('/bin/touch')
  await setMode('block')
  await expect
    .poll(async () => (await statusOf()).kernelProfiles.blocking, { timeout: 60_000 })
    .toBe(1)
  await service.turns(2)
  service.forget()
  await expectBlocked('in block mode')
})

it('blocks on while it is upgraded, and while no agent runs', async () => {
  copyFileSync(packages.rename(deb, '0.1.1'), join(root.path, 'next.deb'))
  await root.must('dpkg', '--install', '/next.deb')
  await expectBlocked('while the package was replaced')
  expect((await statusOf()).version).toBe('0.1.0')
  await stopAgent()
  await expectBlocked('without an agent')
  for (let times = 0; times < 3; times++) {
    await stopAgent()
    await startAgent()
    await expectBlocked('with the next agent')
  }
  expect((await statusOf()).version).toBe('0.1.1')
  // The administrator's configuration is kept.
  expect(readFileSync(join(root.path, 'etc/snug/snug.yaml'), 'utf8')).toBe(config)
})

it('is not removed while its agent runs, since the kernel would keep its enforcement', async () => {
  const { code, stderr } = await root.run('dpkg', '--remove', 'snug')
  expect(code).not.toBe(0)
  expect(stderr).toContain('Stop every agent')
  expect(await root.must('dpkg-query', '-W', '-f=${db:Status-Status}', 'snug')).toBe('installed')
  await expectBlocked('after the removal was refused')
})

it('is removed with all that it has in the kernel, and purged with its data', async () => {
  expect(existsSync(kernelState)).toBe(true)
  await stopAgent()
  await root.must('dpkg', '--remove', 'snug')
  expect(existsSync(kernelState)).toBe(false)
  while (service?.attackWorked === false) await delay(100)
  expect(existsSync(join(root.path, 'usr/lib/snug'))).toBe(false)
  expect(existsSync(join(root.path, 'var/lib/snug'))).toBe(true)
  await root.must('dpkg', '--purge', 'snug')
  for (const path of ['var/lib/snug', 'etc/snug'])
    expect(existsSync(join(root.path, path))).toBe(false)
})

it('has the files of the package for Fedora', () => {
  const rpm = packages.build('rpm')
  const query = ['-qp', '--queryformat', '[%{FILEMODES:perms} %{FILENAMES}\n]', rpm]
  const listed = execFileSync('rpm', query, { encoding: 'utf8' })
  const ours = execFileSync('dpkg-deb', ['--contents', deb], { encoding: 'utf8' })
  expect(filesIn(listed).length).toBeGreaterThan(200)
  expect(filesIn(listed)).toEqual(filesIn(ours))
})

/** Without folders. */
function filesIn(listing: string): readonly string[] {
  const file = /^[-l]\S* (?:.*? \.)?(\/.*?)(?: -> .*)?$/
  return listing
    .split('\n')
    .flatMap((line) => file.exec(line)?.[1] ?? [])
    .sort()
}
