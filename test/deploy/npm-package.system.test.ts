import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse } from 'yaml'
import { removeDemoCgroup } from '../../src/demo/tiny-container.ts'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { BareRoot } from '../fixtures/bare-root.ts'
import { fileOf, service } from '../fixtures/gate-fixtures.ts'
import { PackagedAgent } from '../fixtures/packaged-agent.ts'
import { releaseSensors } from '../fixtures/release-sensors.ts'

const checkout = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync('/var/tmp/snug-npm-test-')
const next = mkdtempSync('/var/tmp/snug-npm-next-')
const kernelState = `/sys/fs/bpf/snug-npm-${process.pid}`
const nowhere = `${kernelState}-none`
let root: BareRoot
let agent: PackagedAgent
let tarball = ''

/** Gives the tarball. */
function pack(to: string, ...version: readonly string[]): string {
  execFileSync(join(checkout, 'deploy/release/npm.sh'), [to, ...version], {
    env: { ...process.env, SNUG_SENSORS: releaseSensors() },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return join(to, readdirSync(to).find((name) => name.endsWith('.tgz')) ?? '')
}

const npm = (...args: readonly string[]): Promise<string> =>
  root.must('node', '/opt/npm/bin/npm-cli.js', ...args)

beforeAll(async () => {
  tarball = pack(folder)
  root = await BareRoot.make()
  agent = new PackagedAgent(root, kernelState)
  root.connect()
  // npm itself is a program in JavaScript; Debian's package of it would bring a compiler.
  const installed = dirname(
    dirname(realpathSync(execFileSync('which', ['npm'], { encoding: 'utf8' }).trim())),
  )
  cpSync(installed, join(root.path, 'opt/npm'), { recursive: true })
  copyFileSync(tarball, join(root.path, 'snug.tgz'))
})

afterAll(async () => {
  await agent.end()
  removeDemoCgroup()
  // Where a test failed before.
  if (existsSync(kernelState)) await root.run('snug', 'kernel', 'detach', '--yes')
  root.remove()
  for (const each of [folder, next]) rmSync(each, { recursive: true, force: true })
})

it('installs globally where there is Node and no compiler, and its sensor runs', async () => {
  expect((await root.run('sh', '-c', 'command -v cc gcc make')).stdout).toBe('')
  await npm('install', '--global', '/snug.tgz')
  expect((await root.must('snug', '--version')).trim()).toMatch(/^\d+\.\d+\.\d+/)
  expect(await root.must('snug', 'doctor')).toMatch(/^next: start the agent/)
  const prefix = (await npm('root', '--global')).trim()
  const sensor = `${prefix}/snug/agent/snug-sensor-${process.arch}`
  expect(await root.must(sensor, '--libraries')).toContain('libbpf@')
  // By the agent itself, which finds the sensor of this machine.
  const asked = await root.run('snug', 'kernel', 'detach', '--yes', '--kernel-state', nowhere)
  expect(asked).toMatchObject({
    code: 0,
    stderr: `snug: nothing to detach: ${nowhere} does not exist\n`,
  })
})

it('has the plugin for kubectl, where the manifest for krew names it', async () => {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as {
    readonly version: string
  }
  execFileSync(join(checkout, 'deploy/release/krew.sh'), [folder, version], {
    env: { ...process.env, SNUG_HOMEPAGE: 'https://example.org/snug' },
  })
  const manifest = parse(readFileSync(join(folder, 'snug-krew.yaml'), 'utf8')) as KrewPlugin
  expect(manifest.spec.version).toBe(`v${version}`)
  const [{ uri, sha256, bin }] = manifest.spec.platforms
  expect(uri).toBe(`https://example.org/snug/releases/download/v${version}/snug-${version}.tgz`)
  expect(sha256).toBe(createHash('sha256').update(readFileSync(tarball)).digest('hex'))
  // As krew installs it: the archive as it is, and a link by the name that kubectl looks for. npm installed nothing.
  mkdirSync(join(root.path, 'opt/krew'))
  execFileSync('tar', ['-xzf', tarball, '-C', join(root.path, 'opt/krew')])
  symlinkSync(`/opt/krew/${bin}`, join(root.path, 'opt/kubectl-snug'))
  const asked = await root.run('/opt/kubectl-snug', 'images', '--kubeconfig', '/nowhere')
  expect(asked).toMatchObject({ code: 3, stdout: '' })
  expect(asked.stderr).toContain('(KUBECONFIG_INVALID)')
  const globally = await root.run('kubectl-snug', 'images', '--kubeconfig', '/nowhere')
  expect(globally.stderr).toBe(asked.stderr)
})

interface KrewPlugin {
  readonly spec: {
    readonly version: string
    readonly platforms: readonly [
      { readonly uri: string; readonly sha256: string; readonly bin: string },
    ]
  }
}

it('tries the recorded attacks that are installed with it', async () => {
  const { image, behaviours } = fileOf(service())
  writeFileSync(join(root.path, 'profile.json'), profileDocument(image, behaviours))
  const config = [{ Id: image.digest, Config: { User: 'web' }, RootFS: { Layers: [] } }]
  writeFileSync(join(root.path, 'image.json'), JSON.stringify(config))
  const files = ['--profile', '/profile.json', '--image-config', '/image.json']
  const gate = await root.must('snug', 'gate', 'shop/web', ...files, '--contrast', '-o', 'json')
  expect(JSON.parse(gate)).toMatchObject({ passed: true, contrast: { tried: 22, blind: 0 } })
})

it('learns a container, alerts on an attack, and blocks it', () => agent.learnAttackBlock())

it('blocks on while it is upgraded, and with the agent of the next version', async () => {
  copyFileSync(pack(next, '0.1.1'), join(root.path, 'next.tgz'))
  await npm('install', '--global', '/next.tgz')
  await agent.expectBlocked('while the package was replaced')
  await agent.stop()
  await agent.expectBlocked('without an agent')
  await agent.start()
  await agent.expectBlocked('with the next agent')
  expect((await agent.status()).version).toBe('0.1.1')
})

it('is removed after its state in the kernel, as npm runs nothing of it then', async () => {
  await agent.stop()
  await root.must('snug', 'kernel', 'detach', '--yes')
  expect(existsSync(kernelState)).toBe(false)
  while (!agent.service.attackWorked) await delay(100)
  await npm('uninstall', '--global', 'snug')
  expect((await root.run('snug', '--version')).code).not.toBe(0)
})

it('has what a source in TypeScript compiles against', () => {
  const project = join(folder, 'consumer')
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{"name":"consumer","type":"module"}')
  const install = ['install', '--prefer-offline', '--no-audit', '--ignore-scripts', tarball]
  execFileSync('npm', install, { cwd: project, stdio: ['ignore', 'ignore', 'inherit'] })
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { strict: true, module: 'nodenext', target: 'es2023', noEmit: true },
      include: ['*.ts'],
    }),
  )
  const source = (name: string): string => `import type { EventSource } from 'snug/source'
export const name: EventSource['${name}'] = 'mine'
`
  const compile = (): string =>
    execFileSync('node', [join(checkout, 'node_modules/typescript/bin/tsc'), '-p', project], {
      encoding: 'utf8',
    })
  writeFileSync(join(project, 'source.ts'), source('name'))
  expect(compile()).toBe('')
  writeFileSync(join(project, 'source.ts'), source('noSuchMember'))
  expect(compile).toThrow()
})
