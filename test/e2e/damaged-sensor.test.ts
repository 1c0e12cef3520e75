import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
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

interface NoisySensor {
  readonly path: string
  /** Made by the test: noise, please. */
  readonly now: string
  /** Made by the sensor: there was some. */
  readonly done: string
}

/**
 * The real sensor behind a broken pipe. Its output is passed on until the file `now` appears; then comes one
 * piece of noise. From the next start on the output is intact.
 */
function noisySensor(noise: string, name: string): NoisySensor {
  const now = join(folder, `${name}.now`)
  const done = join(folder, `${name}.done`)
  const path = join(folder, `${name}.mjs`)
  const bytes = {
    // A header that announces 4 GiB.
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
  return { path, now, done }
}

/** Where the kernel keeps unacknowledged events, the sensor reports them again and nothing is lost. */
test.each([
  ['length', 'none'],
  ['random', 'none'],
  ['length', 'kept'],
  ['random', 'kept'],
] as const)(
  'noise in the output of the sensor (%s) is reported and repaired; a loss is on record unless the kernel kept it (%s)',
  async (kind, kept) => {
    const noisy = noisySensor(kind, `${kind}-${kept}`)
    await using agent = await startAgent({
      docker: socket,
      config: {
        sensor: { path: noisy.path },
        ...(kept === 'none' ? { kernelState: 'none' } : {}),
      },
    })
    const service = await startContainer(docker, image, ['/workload', 'loop', '20'])
    try {
      await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
        behaviours.some(({ kind: of }) => of === 'connect'),
      )
      const alerts = await agent.tail<Alert>(['alert', 'tail'])
      writeFileSync(noisy.now, '')
      // Its counts, once a second, carry the noise.
      const healed = await agent.until<StatusView>(
        ['status'],
        ({ sources, losses }) =>
          existsSync(noisy.done) &&
          (kept === 'kept' || losses.length > 0) &&
          agent.lastOutput().includes('SENSOR_PROTOCOL') &&
          sources.every(({ state }) => state === 'running'),
      )
      if (kept === 'kept') expect(healed.losses).toEqual([])
      else await alerts.until(({ type }) => type === 'loss', 'an alert of the loss')
      const { id } = await runContainer(docker, image, ['/workload', 'known', '23'])
      await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
        behaviours.some(({ containers }) => containers.includes(id)),
      )
    } finally {
      await removeContainer(service)
    }
  },
)

test('a sensor that cannot be started makes the agent degraded, with the reason, and never silent', async () => {
  const config = { sensor: { path: '/nonexistent/snug-sensor' } }
  await using agent = await startAgent({ docker: socket, config })
  const status = await agent.until<StatusView>(['status'], ({ state }) => state === 'degraded')
  expect(status.sources[0]?.state).not.toBe('running')
  expect(JSON.stringify(status)).toContain('/nonexistent/snug-sensor')
  expect((await agent.cli(['status'])).code).toBe(1)
})
