import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CaseLine } from '../../src/agent/records/cases/case-file.ts'
import { AlertWindow } from '../../src/console/reading/alert-window.ts'
import type { FleetCase } from '../../src/console/reading/case-view.ts'
import { FleetCases } from '../../src/console/reading/fleet-cases.ts'
import { FleetIncidents } from '../../src/console/reading/fleet-incidents.ts'
import { Interned } from '../../src/console/reading/interned.ts'
import { alertIn } from '../../src/console/reading/stream-record.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { CaseSummary, CaseView } from '../../src/api/case-views.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { keyPair } from '../fixtures/key-pair.ts'

const image = `${uniqueName('case')}:1`
const name = uniqueName('victim')
const { docker, socket } = sharedEngine()
/** Runs what the test orders: a service with a hole. */
const service = [
  '/bin/sh',
  '-c',
  'while true; do if [ -e /orders ]; then sh /orders; rm /orders; fi; sleep 0.1; done',
]
/** As an agent of the console has it, in a file instead of a stream: test/product/console.test.ts has a real one. */
const sent = join(mkdtempSync('/tmp/snug-case-'), 'sent.ndjson')
const [key, pub] = [join(dirname(sent), 'key.pem'), join(dirname(sent), 'pub.pem')]
const otherPub = join(dirname(sent), 'other.pem')
const sink = {
  name: 'console',
  type: 'file',
  path: sent,
  only: { severity: 'low' },
  storms: 'each',
}
let agent: Agent
let victim: Docker.Container

beforeAll(async () => {
  const { privateKey, publicKey } = keyPair('ec')
  const other = keyPair().publicKey
  writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }))
  writeFileSync(pub, publicKey.export({ type: 'spki', format: 'pem' }))
  writeFileSync(otherPub, other.export({ type: 'spki', format: 'pem' }))
  await busyboxImage(docker, { name: image, labels: { test: image } })
  agent = await startAgent({
    docker: socket,
    config: {
      learn: { floor: '3s', ceiling: '1h', unseen: 1 },
      capture: { from: 'high', key },
      sinks: [sink],
    },
  })
  victim = await startContainer(docker, image, service, { name, StopTimeout: 1 })
  await agent.until<LineageView>(
    ['image', 'show', image],
    ({ versions }) => versions[0]?.mode === 'alert',
  )
})

afterAll(async () => {
  await removeContainer(victim)
  await agent[Symbol.asyncDispose]()
  rmSync(dirname(sent), { recursive: true, force: true })
})

test('a dropped program that runs leads to a case with its process, its bytes and what came before', async () => {
  // A program of another content than that of the image, under a name that was never run.
  const drop =
    'cp /bin/busybox /bin/busybox-new; echo x >> /bin/busybox-new; /bin/busybox-new sleep 600 &'
  await execIn(docker, victim, ['/bin/sh', '-c', `echo '${drop}' > /new; mv /new /orders`])
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
    alerts.some(({ process }) => process?.exe === '/bin/busybox-new'),
  )
  const [first] = await agent.until<CaseSummary[]>(['case', 'list'], ({ length }) => length > 0)
  expect(first).toMatchObject({ state: 'collecting', by: 'agent', container: { name } })
  const alert = await agent.json<Alert>(['alert', 'show', first?.alert ?? ''])
  expect(alert.container?.id).toBe(victim.id)

  // The alert may have come before the program ran: a person captures it again.
  const taken = await agent.json<CaseSummary>(['capture', name, '--reason', 'it runs'])
  const found = await agent.json<CaseView>(['case', 'show', taken.id])
  const running = found.processes.filter(({ exe }) => exe === '/bin/busybox-new')
  expect(running).toMatchObject([{ args: ['/bin/busybox-new', 'sleep', '600'], uid: 0 }])
  expect(found.processes.map(({ pid }) => pid)).toContain(running[0]?.ppid)
  const ran = found.before.flatMap((event) => (event.kind === 'exec' ? [event.exec] : []))
  expect(ran.at(-1)).toMatchObject({ path: '/bin/busybox-new', drift: true })
  const dropped = found.files.find(({ path }) => path === '/bin/busybox-new')
  const { stdout: hash } = await execIn(docker, victim, ['/bin/sha256sum', '/bin/busybox-new'])
  expect(hash).toContain(dropped?.sha256)

  const file = join(agent.folder, 'case.gz')
  expect((await agent.cli(['case', 'export', taken.id, file])).code).toBe(0)
  const bytes = readFileSync(file)
  rmSync(file)
  const lines = gunzipSync(bytes)
    .toString()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as CaseLine)
  const content = lines.flatMap((line) =>
    line.type === 'content' && line.path === '/bin/busybox-new'
      ? [Buffer.from(line.data, 'base64')]
      : [],
  )
  expect(createHash('sha256').update(Buffer.concat(content)).digest('hex')).toBe(dropped?.sha256)
  // The audit chain has the digest of the file, and who read it.
  const audit = await agent.json<AuditView[]>(['audit', 'list'])
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  expect(audit).toContainEqual(expect.objectContaining({ what: 'case', case: taken.id, sha256 }))
  expect(audit).toContainEqual(expect.objectContaining({ what: 'case-read', case: taken.id }))
})

test('a case is signed, and a change of it is found with the public key', async () => {
  const taken = await agent.json<CaseSummary>(['capture', name, '--reason', 'for the court'])
  const file = join(agent.folder, 'signed.gz')
  const exported = await agent.cli(['case', 'export', taken.id, file])
  expect(exported.stdout).toContain(`wrote ${file}.dsse.json`)
  const verify = (...keys: readonly string[]) =>
    agent.cli(['case', 'verify', file, ...keys.flatMap((each) => ['--key', each]), '-o', 'json'])
  const good = await verify(otherPub, pub)
  const { signedBy, ...facts } = taken
  expect(JSON.parse(good.stdout)).toMatchObject({ ...facts, keyId: signedBy })
  expect([(await verify(otherPub)).code, (await verify(otherPub)).stderr]).toEqual([
    2,
    expect.stringContaining('SIGNER_UNKNOWN'),
  ])
  writeFileSync(file, Buffer.concat([readFileSync(file), Buffer.from('x')]))
  const changed = await verify(pub)
  expect([changed.code, changed.stderr]).toEqual([
    2,
    expect.stringContaining('ATTESTATION_OF_ANOTHER'),
  ])
  rmSync(file)
})

/** The evidence of all incidents that a console derives of what the agent has sent until now. */
async function casesAtConsole(): Promise<readonly FleetCase[]> {
  const [cases, window, interned] = [new FleetCases(), new AlertWindow(10_000), new Interned()]
  const text = existsSync(sent) ? readFileSync(sent, 'utf8') : ''
  for (const [seq, line] of text.split('\n').slice(0, -1).entries()) {
    const value = JSON.parse(line) as { readonly time: string }
    const alert = alertIn({ seq, time: value.time, value }, interned)
    if (alert === undefined) cases.put(value)
    else window.put(alert)
  }
  const fleet = { revision: 0, profiles: () => [], profile: () => undefined }
  const incidents = new FleetIncidents(window, { fleet, cases })
  const { rows } = await incidents.page({ limit: 100, offset: 0 })
  const stories = await Promise.all(rows.map(({ id }) => incidents.story(id)))
  return stories.flatMap((story) => story.cases)
}

test('the incident at the console has the evidence, by what the agent sends', async () => {
  const taken = await agent.json<CaseSummary[]>(['case', 'list'])
  const ofAlert = taken.find(({ alert }) => alert !== undefined)
  const ofPerson = taken.find(({ alert }) => alert === undefined)
  await expect
    .poll(casesAtConsole)
    .toEqual(
      expect.arrayContaining([
        expect.objectContaining({ id: ofAlert?.id, by: 'agent', because: 'alert' }),
        expect.objectContaining({ id: ofPerson?.id, by: ofPerson?.by, because: 'container' }),
      ]),
    )
  for (const { id, node, container, sha256 } of await casesAtConsole()) {
    expect([node, container]).toEqual(['n1', victim.id])
    const audit = await agent.json<AuditView[]>(['audit', 'list'])
    expect(audit).toContainEqual(expect.objectContaining({ what: 'case', case: id, sha256 }))
  }
})

test('many alerts of one container lead to one case', async () => {
  const before = (await agent.json<CaseSummary[]>(['case', 'list'])).length
  const more = 'for n in 1 2 3 4 5; do cp /bin/busybox /bin/busybox-$n; /bin/busybox-$n true; done'
  await execIn(docker, victim, ['/bin/sh', '-c', `echo '${more}' > /new; mv /new /orders`])
  await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (alerts) =>
    alerts.some(({ event }) => JSON.stringify(event).includes('/bin/busybox-5')),
  )
  expect(await agent.json<CaseSummary[]>(['case', 'list'])).toHaveLength(before)
})

test('what cannot be captured is refused with a reason', async () => {
  const refused = await agent.cli(['capture', 'nobody', '--reason', 'x'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('CONTAINER_UNKNOWN')])
  expect((await agent.cli(['case', 'show', '01X'])).stderr).toContain('CASE_UNKNOWN')
  expect((await agent.cli(['capture', name])).code).toBe(64)
})
