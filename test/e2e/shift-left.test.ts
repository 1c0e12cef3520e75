import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import { parseProfileDocument } from '../../src/supplychain/export/profile-document.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type CliResult, runCli, startAgent } from '../fixtures/agent.ts'
import { runContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { Registry } from '../fixtures/registry.ts'
import { keyPair } from '../fixtures/key-pair.ts'

const { docker, socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-shift-left-')
const at = (name: string): string => join(folder, name)
let registry: Registry
let image = ''
let imageId = ''

/** A service that keeps a log, reads its data and asks a peer; and has holes in it. */
const service = [
  '#!/bin/sh',
  'case "$1" in',
  '  shadow) cat /etc/shadow && echo LEAKED ;;',
  '  miner) cp /bin/busybox /tmp/miner && /tmp/miner true && echo LEAKED ;;',
  '  phone) wget -q -O /dev/null http://127.0.0.1:2/ ; echo "phoned $?" ;;',
  '  *)',
  '    for round in 1 2 3; do',
  '      echo "$round" >> /tmp/log',
  '      cat /etc/motd /tmp/log',
  '      wget -q -O /dev/null http://127.0.0.1:1/',
  '    done',
  '    rm /tmp/log',
  '    ;;',
  'esac',
  '',
].join('\n')

/** An image's own tests, as a pipeline runs them; here through the engine's API. */
const tests = (exitCode: number): string => `
  import Docker from 'dockerode'
  const docker = new Docker({ socketPath: ${JSON.stringify(socket)} })
  for (let run = 0; run < 3; run++) {
    const options = { HostConfig: { AutoRemove: true } }
    const [result] = await docker.run(${JSON.stringify(image)}, [], process.stdout, options)
    if (result.StatusCode !== 0) throw new Error('the service failed')
  }
  process.exitCode = ${exitCode}
`

function record(file: string, exitCode: number): Promise<CliResult> {
  const own = ['--config', at('snug.yaml'), '--out', at(file), '--image', image]
  const command = [process.execPath, '--input-type=module', '-e', tests(exitCode)]
  return runCli(['record', ...own, '--', ...command])
}

async function push(): Promise<void> {
  const stream = await docker.getImage(image).push({ authconfig: {} })
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(stream, (error: Error | null) => {
      if (error === null) resolve()
      else reject(error)
    })
  })
}

const agentWith = (key: string) =>
  startAgent({
    docker: socket,
    config: {
      trust: { keys: [at(key)], mode: 'block', plainHttp: [registry.host] },
      block: { canary: 1 },
    },
  })

/** The service in its own container, started as in production. */
const serve = (...args: readonly string[]) => runContainer(docker, image, args)

beforeAll(async () => {
  registry = await Registry.start()
  image = `${registry.host}/ci/shop:1`
  writeFileSync(at('snug.yaml'), JSON.stringify({ engines: { docker: { socket } } }))
  for (const name of ['ours', 'other']) {
    const { publicKey, privateKey } = keyPair()
    writeFileSync(at(`${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(at(`${name}.key`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  imageId = await busyboxImage(docker, {
    name: image,
    files: { '/app/run': service },
    dockerfile: ['ENTRYPOINT ["/app/run"]'],
  })
})

afterAll(async () => {
  await docker.getImage(image).remove({ force: true })
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('tests that fail give no profile, and fail the step', async () => {
  const { code, stderr } = await record('failed.json', 7)
  expect([code, stderr]).toEqual([1, expect.stringContaining('exit code 7')])
  expect(() => readFileSync(at('failed.json'))).toThrow('ENOENT')
})

test('the tests of an image, run under the sensor, give its profile and the strength of its evidence', async () => {
  const { code, stderr } = await record('shop.json', 0)
  expect(code, stderr).toBe(0)
  const document = parseProfileDocument(JSON.parse(readFileSync(at('shop.json'), 'utf8')))
  expect(document.image).toMatchObject({ repository: image.slice(0, -2), digest: imageId })
  const objects = document.behaviours.map(({ object }) => object)
  expect(objects).toContainEqual(expect.objectContaining({ kind: 'connect', port: 1 }))
  expect(objects).toContainEqual({ kind: 'file', access: 'delete', path: '/tmp/log' })
  const [recording] = document.recordings ?? []
  expect(recording).toMatchObject({ losses: [] })
  expect(recording?.runs).toHaveLength(3)
  expect(recording?.runs.every(({ before, ended }) => before !== true && ended === true)).toBe(true)
})

test('pushed, signed and deployed: enforced before its first program, no alert at work, the intruder stopped at once', async () => {
  await push()
  const attest = ['attest', image, '--profile', at('shop.json'), '--key', at('ours.key')]
  const attested = await runCli([...attest, '--for', '90d', '--plain-http'])
  expect(attested.code, attested.stderr).toBe(0)

  const agent = await agentWith('ours.pub')
  try {
    const alerts = await agent.tail<Alert>(['alert', 'tail'])
    const first = await created()
    const view = await agent.until<LineageView>(
      ['image', 'show', image],
      ({ versions }) => versions[0]?.mode === 'block',
    )
    expect(view.versions[0]).toMatchObject({ state: 'enforced', containers: { running: 0 } })
    expect(view.versions[0]?.because).toContain('signed by key:')
    await first.start()
    expect(await first.wait()).toEqual({ StatusCode: 0 })
    await first.remove()

    for (let run = 0; run < 5; run++) {
      const { exitCode, stdout } = await serve()
      expect([exitCode, stdout.split('hello').length]).toEqual([0, 4])
    }
    const seen = (await agent.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])).filter(
      isOurs,
    )
    expect(seen.map(({ reasons }) => reasons[0])).toEqual([])

    for (const act of ['shadow', 'miner', 'phone']) {
      const { stdout, id } = await serve(act)
      expect(stdout).not.toMatch(/LEAKED|phoned 0/)
      const { item } = await alerts.until((alert) => alert.container?.id === id)
      expect(['blocked', 'killed'], act).toContain(item.action)
    }
  } finally {
    await agent[Symbol.asyncDispose]()
  }
})

test.each([
  ['fails', ['/bin/sh', '-c', 'exit 3'], 'exit code 3'],
  ['is not there', ['/no/such/tests'], '/no/such/tests'],
] as const)('of tests whose command %s no profile is written', async (_, command, why) => {
  const out = at('of-failed-tests.json')
  const own = ['--config', at('snug.yaml'), '--out', out, '--image', image]
  const { code, stderr } = await runCli(['record', ...own, '--', ...command])
  expect(code).not.toBe(0)
  expect(stderr).toContain('COMMAND_FAILED')
  expect(stderr).toContain(why)
  expect(existsSync(out)).toBe(false)
})

test('a profile with an unknown signer is reported and not loaded', async () => {
  const agent = await agentWith('other.pub')
  try {
    await serve()
    const alerts = await agent.until<readonly Alert[]>(
      ['alert', 'list', '--limit', '1000'],
      (list) => list.some((alert) => isOurs(alert) && alert.type === 'enforcement'),
    )
    const refused = alerts.find((alert) => isOurs(alert) && alert.type === 'enforcement')
    expect(refused?.reasons[0]).toContain('SIGNER_UNKNOWN')
    const view = await agent.json<LineageView>(['image', 'show', image])
    expect(view.versions[0]).toMatchObject({ state: 'learning', mode: 'learn' })
  } finally {
    await agent[Symbol.asyncDispose]()
  }
})

/** Others may run containers on this host too. */
function isOurs(alert: Alert): boolean {
  return alert.image !== undefined && image.startsWith(`${alert.image.repository}:`)
}

function created(): Promise<Docker.Container> {
  return docker.createContainer({ Image: image })
}
