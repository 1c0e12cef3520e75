import { type ChildProcess, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { StatusView } from '../../src/engine/api/engine-views.ts'
import { BareRoot } from '../fixtures/bare-root.ts'
import { BuiltPackages } from '../fixtures/debian-package.ts'

/** The package for Debian in a Debian 13 that has nothing but what it depends on. Its agent reads recorded events. */
const packages = new BuiltPackages()
const config = `
node: bare
listen: none
kernelState: none
sources: ['file:/srv/events.ndjson']
engines: { docker: { socket: none } }
`
let root: BareRoot
let deb = ''
let agent: ChildProcess | undefined

async function stopAgent(): Promise<number | null> {
  if (agent === undefined) return null
  const gone = once(agent, 'exit') as Promise<[number | null]>
  agent.kill('SIGTERM')
  agent = undefined
  return (await gone)[0]
}

beforeAll(async () => {
  deb = packages.build('deb')
  root = await BareRoot.make()
})

afterAll(async () => {
  await stopAgent()
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
  const manual = await root.must('sh', '-c', 'zcat /usr/share/man/man1/snug.1.gz')
  expect(manual).toContain('.SS snug agent')
  expect(await root.must('cat', '/usr/lib/systemd/system/snug.service')).toMatch(
    /^ExecStart=\/usr\/bin\/snug agent$/m,
  )
  await root.must('bash', '-n', '/usr/share/bash-completion/completions/snug')
  expect(await root.must('/usr/lib/snug/agent/snug-sensor', '--libraries')).toContain('libbpf@')
})

it('runs its agent, whose store keeps its native module', async () => {
  writeFileSync(join(root.path, 'etc/snug/snug.yaml'), config)
  writeFileSync(join(root.path, 'srv/events.ndjson'), '')
  agent = root.spawn(['snug', 'agent'], openSync(join(root.path, 'agent.log'), 'a'))
  const status = JSON.parse(
    await root.must('snug', 'status', '--wait', '2m', '-o', 'json'),
  ) as StatusView
  expect(status).toMatchObject({ version: '0.1.0', node: 'bare', degraded: [] })
})

it('is upgraded, keeps the configuration of the administrator, and leaves the agent running', async () => {
  copyFileSync(packages.rename(deb, '0.1.1'), join(root.path, 'next.deb'))
  await root.must('dpkg', '--install', '/next.deb')
  expect((await root.must('snug', '--version')).trim()).toBe('0.1.1')
  expect(await root.must('cat', '/etc/snug/snug.yaml')).toBe(config)
  const { version } = JSON.parse(await root.must('snug', 'status', '-o', 'json')) as StatusView
  expect(version).toBe('0.1.0')
  expect(await stopAgent()).toBe(0)
})

it('is removed with its programs, and purged with its data', async () => {
  await root.must('dpkg', '--remove', 'snug')
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
