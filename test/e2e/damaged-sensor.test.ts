import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView, StatusView } from '../../src/flow/engine.ts'
import type { Alert } from '../../src/event/alert.ts'
import { startAgent, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { workloadImage } from '../fixtures/workload-image.ts'

const sensor = fileURLToPath(new URL('../../agent/snug-sensor', import.meta.url))
const image = `${uniqueName('noise')}:1`
const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-noise-')

beforeAll(async () => {
  await workloadImage(docker, image)
})

afterAll(() => {
  rmSync(folder, { recursive: true })
})

/**
 * The real sensor behind a broken pipe: what it says is passed on until the file `now` appears, then comes one
 * piece of noise, and from its next start on nothing is wrong any more.
 */
function noisySensor(noise: string): { readonly path: string; readonly now: string } {
  const now = join(folder, `${noise}.now`)
  const done = join(folder, `${noise}.done`)
  const path = join(folder, `${noise}.mjs`)
  const bytes = {
    // A head that says 4 GiB follow.
    length: 'Buffer.alloc(64, 0xff)',
    random: "require('node:crypto').randomBytes(4096)",
  }[noise]
  writeFileSync(
    path,
    `#!${process.execPath}
import { createRequire } from 'node:module'
import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
const require = createRequire(import.meta.url)
const child = spawn(${JSON.stringify(sensor)}, process.argv.slice(2), { stdio: ['pipe', 'pipe', 'inherit'] })
process.stdin.pipe(child.stdin)
child.stdin.on('error', () => undefined)
process.stdout.on('error', () => child.kill())
child.stdout.on('data', (chunk) => {
  if (existsSync(${JSON.stringify(now)}) && !existsSync(${JSON.stringify(done)})) {
    writeFileSync(${JSON.stringify(done)}, '')
    process.stdout.write(${bytes})
  }
  process.stdout.write(chunk)
})
child.on('exit', (code) => process.exit(code ?? 1))
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => child.kill(signal))
`,
  )
  chmodSync(path, 0o755)
  return { path, now }
}

test.each(['length', 'random'])(
  'noise in the middle of what the sensor says (%s) is told, healed, and on record as loss',
  async (kind) => {
    const noisy = noisySensor(kind)
    await using agent = await startAgent({
      docker: socket,
      config: { sensor: { path: noisy.path } },
    })
    const service = await startContainer(docker, image, ['/workload', 'loop', '20'])
    try {
      await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
        behaviours.some(({ kind: of }) => of === 'connect'),
      )
      const alerts = agent.tail<Alert>(['alert', 'tail'])
      writeFileSync(noisy.now, '')
      // Its counts, once a second, carry the noise.
      await agent.until<StatusView>(
        ['status'],
        ({ sources, losses }) =>
          existsSync(noisy.now.replace('.now', '.done')) &&
          losses.length > 0 &&
          sources.every(({ state }) => state === 'running'),
        45_000,
      )
      expect(agent.lastWords()).toMatch(/SENSOR_PROTOCOL/)
      await alerts.until(({ type }) => type === 'loss', 10_000, 'an alert of the loss')
      const { id } = await runContainer(docker, image, ['/workload', 'known', '23'])
      await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
        behaviours.some(({ containers }) => containers.includes(id)),
      )
    } finally {
      await removeContainer(service)
    }
  },
)

test('a sensor that cannot be started is a degraded agent that says why, and not a silent one', async () => {
  const config = { sensor: { path: '/nonexistent/snug-sensor' } }
  await using agent = await startAgent({ docker: socket, config })
  const status = await agent.until<StatusView>(['status'], ({ state }) => state === 'degraded')
  expect(status.sources[0]?.state).not.toBe('running')
  expect(JSON.stringify(status)).toContain('/nonexistent/snug-sensor')
})
