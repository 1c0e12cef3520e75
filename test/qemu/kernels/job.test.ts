import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformSync } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { collector, poison, publish, registry } from '../../fixtures/npm-job.ts'
import { hangMs } from '../../fixtures/patience.ts'
import { DockerHost } from '../docker/docker-host.ts'
import { withoutBpf } from '../machine.ts'

/**
 * Install jobs on Debian's kernel, which has what this machine's kernel lacks: hooks that refuse. As on runners of GitHub,
 * BPF LSM is not on.
 */
let host: DockerHost
const snug = 'node /srv/dist/interfaces/cli/main.js record --job shop/install'
const install = 'node /job/npm/bin/npm-cli.js install --no-audit --no-fund --foreground-scripts'
const fresh = 'cd /job/app && rm -rf node_modules package-lock.json ~/.npm'

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'snug-job-'))
  try {
    host = await DockerHost.boot({ append: withoutBpf, files: { 'job.tar': pack(folder) } })
  } finally {
    rmSync(folder, { recursive: true })
  }
  const addresses = [registry, collector].map((each) => `ip addr add ${each}/32 dev lo`)
  const serve = `node /job/registry.mjs /job/packages ${registry} ${collector} >/job/taken 2>&1 &`
  await ran([`tar -C / -xf job.tar`, ...addresses, serve].join('; '))
  await ran('until grep -q ready /job/taken; do sleep 0.1; done')
}, hangMs)

afterAll(async () => {
  await host.stop()
})

/** The runner's files: npm, a registry with its packages, an app, and credentials. */
function pack(folder: string): string {
  const root = join(folder, 'root')
  const packages = join(root, 'job/packages')
  const source = fileURLToPath(new URL('../../fixtures/npm-registry.ts', import.meta.url))
  const { code } = transformSync(readFileSync(source, 'utf8'), { loader: 'ts', format: 'esm' })
  const files = {
    'job/registry.mjs': code,
    'job/app/package.json': JSON.stringify({ dependencies: { left: '^1.0.0' } }),
    'job/server.test.mjs': `
      import { createServer } from 'node:http'
      import test from 'node:test'
      test('serves', async () => {
        const server = createServer((_, response) => response.end('ok')).listen(0, '127.0.0.1')
        await new Promise((resolve) => server.once('listening', resolve))
        await fetch('http://127.0.0.1:' + server.address().port)
        server.close()
      })
    `,
    'root/.npmrc': `registry=http://${registry}:4873/\n`,
    'root/.ssh/id_rsa': 'the key',
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  publish(packages, { name: 'left', version: '1.0.0', dependencies: { right: '^1.0.0' } })
  publish(packages, { name: 'right', version: '1.0.0' })
  publish(join(root, 'job/later'), {
    name: 'right',
    version: '1.0.1',
    postinstall: 'node index.js',
  })
  publish(join(root, 'job/later'), { name: 'right', version: '1.0.2', ...poison })
  execFileSync('cp', ['-r', '/usr/lib/node_modules/npm', join(root, 'job/npm')])
  const tar = join(folder, 'job.tar')
  execFileSync('tar', ['-C', root, '-cf', tar, '.'])
  return tar
}

async function ran(line: string): Promise<string> {
  const { output, status } = await host.run(line, hangMs)
  expect(status, `${line}\n${output}`).toBe(0)
  return output
}

const blocked = (command: string): string =>
  `${snug} --mode block --profile /job/profile.json -- ${command}`

test('an install is learned, and installs the same and the next release while deviations are refused', async () => {
  await ran(`${fresh} && ${snug} --out /job/profile.json -- ${install}`)
  expect(await ran(`${fresh} && ${blocked(install)}`)).toContain('added 2 packages')
  await ran('cp -r /job/later/right/1.0.1 /job/packages/right/')
  await ran(`${fresh} && ${blocked(install)} && grep -q 1.0.1 node_modules/right/package.json`)
})

test('tools that the job never ran work while deviations are refused', async () => {
  const tools = [
    'tar -C /job -czf /tmp/npm.tgz npm && mkdir -p /tmp/out && tar -C /tmp/out -xzf /tmp/npm.tgz',
    'sed s/a/b/ /job/npm/README.md | sort | uniq -c > /tmp/sorted',
    'node --test /job/server.test.mjs',
    'ln /job/app/package.json /job/app/linked && mv /job/app/linked /job/app/moved',
  ]
  await ran(blocked(`sh -ec '${tools.join('; ')}'`))
})

test('a release that steals can neither read a key nor connect, and the step fails', async () => {
  await ran('cp -r /job/later/right/1.0.2 /job/packages/right/')
  const { output, status } = await host.run(`${fresh} && ${blocked(install)}`, hangMs)
  expect(output).toContain('EPERM EPERM')
  expect(output).toMatch(/connect to tcp 192\.0\.2\.2:443/)
  expect(output).toMatch(/read \/root\/\.ssh\/id_rsa/)
  expect(output.match(/medium, blocked/g)).toHaveLength(3)
  expect(status).toBe(2)
  expect(await ran('cat /job/taken')).not.toContain('taken')
})

test('a job may not read, move or link what is guarded, nor leave something that runs later', async () => {
  const refused = [
    'cat /proc/1/environ',
    'mv /root/.ssh /tmp/ssh',
    'ln /root/.ssh/id_rsa /job/key',
    'cat /root/.npmrc',
    'echo true >> /root/.bashrc',
    'mv /job/app/package.json /root/.profile',
  ]
  const line = refused.map((act, number) => `${act} || echo refused ${number}`).join('; ')
  const { output, status } = await host.run(blocked(`sh -c '${line}'`), hangMs)
  for (const number of refused.keys()) expect(output).toContain(`refused ${number}`)
  expect(status).toBe(2)
})
