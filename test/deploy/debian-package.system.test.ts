import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { removeDemoCgroup } from '../../src/demo/tiny-container.ts'
import { BareRoot } from '../fixtures/bare-root.ts'
import { BuiltPackages } from '../fixtures/debian-package.ts'
import { PackagedAgent } from '../fixtures/packaged-agent.ts'

/**
 * The package for Debian in a Debian 13 that has nothing but what it depends on, and what the kernel of this machine
 * does while it is installed, upgraded and removed.
 */
const kernelState = `/sys/fs/bpf/snug-package-${process.pid}`

let root: BareRoot
let agent: PackagedAgent
const packages = new BuiltPackages()
let deb = ''

beforeAll(async () => {
  deb = packages.build('deb')
  root = await BareRoot.make()
  agent = new PackagedAgent(root, kernelState)
})

afterAll(async () => {
  await agent.end()
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
  // As Podman runs it, with no container's state.
  const { hook } = JSON.parse(
    await root.must('cat', '/usr/share/containers/oci/hooks.d/snug.json'),
  ) as { readonly hook: { readonly path: string; readonly args: readonly string[] } }
  expect((await root.run(hook.path, ...hook.args.slice(1), '--fail-closed')).stderr).toMatch(
    /^snug: [A-Z_]+: /,
  )
})

it('learns a container, alerts on an attack, and blocks it', () => agent.learnAttackBlock())

it('blocks on while it is upgraded, and while no agent runs', async () => {
  copyFileSync(packages.rename(deb, '0.1.1'), join(root.path, 'next.deb'))
  await root.must('dpkg', '--install', '/next.deb')
  await agent.expectBlocked('while the package was replaced')
  expect((await agent.status()).version).toBe('0.1.0')
  await agent.stop()
  await agent.expectBlocked('without an agent')
  for (let times = 0; times < 3; times++) {
    await agent.stop()
    await agent.start()
    await agent.expectBlocked('with the next agent')
  }
  expect((await agent.status()).version).toBe('0.1.1')
  // The administrator's configuration is kept.
  expect(readFileSync(join(root.path, 'etc/snug/snug.yaml'), 'utf8')).toBe(agent.config)
})

it('is not removed while its agent runs, since the kernel would keep its enforcement', async () => {
  const { code, stderr } = await root.run('dpkg', '--remove', 'snug')
  expect(code).not.toBe(0)
  expect(stderr).toContain('Stop every agent')
  expect(await root.must('dpkg-query', '-W', '-f=${db:Status-Status}', 'snug')).toBe('installed')
  await agent.expectBlocked('after the removal was refused')
})

it('is removed with all that it has in the kernel, and purged with its data', async () => {
  expect(existsSync(kernelState)).toBe(true)
  await agent.stop()
  await root.must('dpkg', '--remove', 'snug')
  expect(existsSync(kernelState)).toBe(false)
  while (!agent.service.attackWorked) await delay(100)
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
