import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { ProfileDiff, ProfileView } from '../../src/api/profile-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, type Tail, uniqueName } from '../fixtures/agent.ts'
import { removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { build, busyboxImage, nginxImage } from '../fixtures/images.ts'

/**
 * An image of Debian whose own package `shop` is upgraded by dpkg from 1.0-1 to 2.0-1. The agent explains the delta
 * of the two versions from the package database in the image.
 */
const repository = uniqueName('handed')
const first = `${repository}:1`
const second = `${repository}:2`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []

type Files = Readonly<Record<string, string>>

const shop = (body: string): string => `#!/bin/sh\nwhile :; do\n${body}\n/usr/bin/sleep 0.2\ndone\n`
const packages: Readonly<Record<string, Files>> = {
  '1.0-1': {
    '/usr/bin/shop': shop('/usr/bin/cat /etc/shop.conf >/dev/null'),
    '/etc/shop.conf': 'one\n',
  },
  '2.0-1': {
    '/usr/bin/shop': shop(
      '/usr/bin/cat /etc/shop.conf >/dev/null\n/usr/lib/shop/pay\n' +
        'if [ -e /run/odd ]; then /usr/bin/cat /etc/shadow >/dev/null; fi',
    ),
    '/usr/lib/shop/pay': '#!/bin/sh\n/usr/bin/cat /usr/lib/shop/prices >/dev/null\n',
    '/usr/lib/shop/prices': '3\n',
    '/etc/shop.conf': 'one\n',
  },
}

function lay(root: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
    chmodSync(join(root, path), content.startsWith('#!') ? 0o755 : 0o644)
  }
}

async function shopImage(name: string, base: string, version: string): Promise<string> {
  const context = mkdtempSync('/tmp/snug-shop-')
  try {
    const control = `Package: shop\nVersion: ${version}\nArchitecture: all\nMaintainer: nobody <n@invalid>\nDescription: a shop\n`
    lay(join(context, 'deb'), { ...packages[version], '/DEBIAN/control': control })
    const deb = join(context, 'shop.deb')
    execFileSync('dpkg-deb', ['--root-owner-group', '--build', join(context, 'deb'), deb])
    rmSync(join(context, 'deb'), { recursive: true })
    const lines = [
      `FROM ${base}`,
      'COPY shop.deb /tmp/shop.deb',
      'RUN dpkg -i /tmp/shop.deb',
      'CMD ["/usr/bin/shop"]',
    ]
    writeFileSync(join(context, 'Dockerfile'), `${lines.join('\n')}\n`)
    return await build(docker, context, name)
  } finally {
    rmSync(context, { recursive: true, force: true })
  }
}

let agent: Agent
let alerts: Tail<Alert>
const digests: Record<string, string> = {}

beforeAll(async () => {
  const base = `${repository}:base`
  await nginxImage(docker, base)
  digests[first] = await shopImage(first, base, '1.0-1')
  digests[second] = await shopImage(second, first, '2.0-1')
  agent = await startAgent({ docker: socket })
  alerts = await agent.tail<Alert>(['alert', 'tail'])
})

afterAll(async () => {
  for (const container of started) await removeContainer(container)
  await agent[Symbol.asyncDispose]()
})

async function run(image: string, options: Docker.ContainerCreateOptions = {}): Promise<string> {
  const container = await startContainer(docker, image, undefined, options)
  started.push(container)
  return container.id
}

const seen = (image: string, text: string): Promise<ProfileView> =>
  agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some((row) => row.text.includes(text) && row.count > 0),
  )

test('an upgrade is explained by its package, old version and new, and by its layer', async () => {
  await run(first)
  await seen(first, '/etc/shop.conf')
  await agent.json(['profile', 'mode', first, 'alert'])
  const upgraded = await run(second)
  await seen(second, '/usr/lib/shop/prices')
  const diff = await agent.json<ProfileDiff>(['profile', 'diff', first, second])
  const pay = diff.added.find(({ kind, text }) => kind === 'exec' && text.includes('shop/pay'))
  expect(pay?.explained).toMatch(
    /^the new version adds \/usr\/lib\/shop\/pay \(package shop 1\.0-1 → 2\.0-1, in the new layer \d+ of \d+\)$/,
  )
  // Every new behaviour is explained by a file of the package, except what a new program writes, and
  // that it runs a program that was there before.
  const unexplained = diff.added.filter(({ explained }) => explained === undefined)
  expect(diff.added.length).toBeGreaterThan(unexplained.length)
  for (const { explained = '' } of diff.added.filter((row) => !unexplained.includes(row)))
    expect(explained).toContain('package shop 1.0-1 → 2.0-1')
  expect(unexplained.map(({ text }) => text)).toEqual(['run /usr/bin/cat', 'write /dev/null'])
  await alerts.until(
    ({ container, behaviour }) =>
      container?.id === upgraded && behaviour?.object === '/usr/bin/cat',
    'an alert that a new program runs one that was there before',
  )
  // What it writes to the null device is novelty.
  const own = alerts.items.filter(
    ({ item }) => item.container?.id === upgraded && item.novelty !== true,
  )
  // One whose count rises is sent again.
  expect([...new Set(own.map(({ item }) => item.behaviour?.object))]).toEqual(['/usr/bin/cat'])
})

test('a guardrail alerts at once, even where the new version shipped the program', async () => {
  const odd = await run(second, { HostConfig: { Tmpfs: { '/run': '' } } })
  const container = docker.getContainer(odd)
  const exec = await container.exec({ Cmd: ['/usr/bin/touch', '/run/odd'] })
  await exec.start({ Detach: true })
  const { item } = await alerts.until(
    ({ type, container: of, event }) =>
      type === 'guardrail' &&
      of?.id === odd &&
      event.kind === 'file' &&
      event.file.path === '/etc/shadow',
    'the alert of a guardrail',
  )
  expect(item.process?.origin).toBe('entrypoint')
  const view = await agent.json<ProfileView>(['profile', 'show', second])
  const shadow = view.behaviours.find(({ text }) => text.includes('/etc/shadow'))
  expect(shadow?.state).toBe('quarantined')
})

test('replicas with different settings run several versions at once, and they remain two versions', async () => {
  await run(first, { Env: ['SHOP=north'], HostConfig: { Memory: 64 << 20 } })
  await run(second, { Env: ['SHOP=south'] })
  const lineage = await agent.until<LineageView>(['image', 'show', repository], ({ versions }) =>
    versions.every(({ containers }) => containers.seen >= 2),
  )
  expect(lineage.versions.map(({ image }) => image.digest)).toEqual([
    digests[first],
    digests[second],
  ])
  expect(lineage.versions[1]?.predecessor).toBe(digests[first])
  expect(lineage.versions[0]?.mode).toBe('alert')
})

test('the evidence states its own strength: by kind, over time, and with its gaps', async () => {
  const lineage = await agent.json<LineageView>(['image', 'show', first])
  const [evidence] = lineage.versions.map((one) => one.evidence)
  expect(evidence?.kindsObserved).toEqual(expect.arrayContaining(['exec', 'file', 'connect']))
  expect(evidence?.observed.every(({ startSeen }) => startSeen)).toBe(true)
  expect(evidence?.notYetSeen).toContain('a shutdown of a container')
  expect(evidence?.novelty.points.at(-1)?.known).toBeGreaterThan(3)
  expect(evidence?.kinds.find(({ kind }) => kind === 'exec')?.behaviours).toBeGreaterThan(1)
  const text = (await agent.cli(['image', 'show', first])).stdout
  expect(text).toMatch(/novelty +[▁▂▃▄▅▆▇█]+ \d+ behaviours/)
  expect(text).toMatch(
    /container runs?\b.* (does something new with a chance of at most|not enough to estimate coverage)/,
  )
  expect(text).toContain('not observed yet  a shutdown of a container')
  const [one] = started
  await one?.stop({ t: 0 })
  const ended = await agent.until<LineageView>(['image', 'show', first], ({ versions }) =>
    (versions[0]?.evidence?.phases ?? []).every(({ seen: times }) => times > 0),
  )
  expect(ended.versions[0]?.evidence?.notYetSeen).toEqual([])
})

test('a job of a cron table in the image is named until its time has come', async () => {
  const nightly = `${uniqueName('nightly')}:1`
  await busyboxImage(docker, {
    name: nightly,
    labels: { test: repository },
    files: { '/var/spool/cron/crontabs/root': '30 3 * * * /app/nightly\n' },
  })
  started.push(await startContainer(docker, nightly, ['/bin/sleep', '600']))
  const lineage = await agent.until<LineageView>(
    ['image', 'show', nightly],
    ({ versions }) => versions.length > 0,
  )
  expect(lineage.versions[0]?.evidence?.notYetSeen).toContainEqual(
    expect.stringMatching(/^\/var\/spool\/cron\/crontabs\/root: \/app\/nightly \(every 24 h;/),
  )
})
