import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type Docker from 'dockerode'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { IncidentPage, IncidentStory } from '../../src/api/incident-views.ts'
import {
  isAlert,
  isIncident,
  type OutboundRecord,
  outboundRecordTypes,
} from '../../src/core/event/outbound-record.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { IncidentRecord } from '../../src/core/incident/incident-record.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { execIn, removeContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage } from '../fixtures/images.ts'
import { closedPort } from '../fixtures/held-ports.ts'
import { Rsyslog } from '../fixtures/rsyslog.ts'

/** An intruder in a container, and what a file and rsyslog get of the incident. One story. */
const image = `${uniqueName('incident')}:1`
const { docker, socket } = sharedEngine()
const out = mkdtempSync('/tmp/snug-incident-')
const path = join(out, 'records.ndjson')
let agent: Agent
let container: Docker.Container
let rsyslog: Rsyslog
let port = 0

beforeAll(async () => {
  await busyboxImage(docker, { name: image })
  port = await closedPort()
  rsyslog = new Rsyslog({ port })
  await rsyslog.start()
  const types = ['incident']
  agent = await startAgent({
    docker: socket,
    config: {
      sinks: [
        { name: 'file', type: 'file', path, only: { types: outboundRecordTypes } },
        { name: 'alerts', type: 'file', path: join(out, 'alerts.ndjson') },
        {
          name: 'log',
          type: 'syslog',
          address: `127.0.0.1:${port}`,
          format: 'cef',
          only: { types },
        },
      ],
    },
  })
  container = await startContainer(docker, image, ['/bin/sh', '-c', 'while :; do sleep 1000; done'])
})
afterAll(async () => {
  await removeContainer(container)
  await agent?.[Symbol.asyncDispose]()
  await rsyslog[Symbol.asyncDispose]()
  await docker.getImage(image).remove({ force: true })
  rmSync(out, { recursive: true })
})

function records(name = 'records'): readonly OutboundRecord[] {
  const file = join(out, `${name}.ndjson`)
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.slice(0, -1).map((line) => JSON.parse(line) as OutboundRecord)
}

/** Containers of other engines have incidents too. */
const isOurs = ({ images }: Pick<IncidentRecord, 'images'>): boolean =>
  images.some((each) => image.startsWith(each))

/** Each once: a kill may have it sent twice. */
function incidents(): readonly IncidentRecord[] {
  const found = records().filter(isIncident).filter(isOurs)
  return [...new Map(found.map((record) => [record.id, record])).values()]
}

async function received(isThere: () => boolean): Promise<void> {
  await agent.until(['status'], isThere)
}

const programAt = (name: string): string => `/tmp/${name}`

/** The same child of the same shell each time: another parent would be another alert. */
async function run(program: string, first: string): Promise<void> {
  await execIn(docker, container, ['/bin/sh', '-c', `${first} && ${program} true`])
}

/** An intruder runs a program that the image did not ship. */
async function intrude(name: string): Promise<Alert> {
  const program = programAt(name)
  await run(program, `cp /bin/busybox ${program}`)
  const ofIt = (alert: Alert): boolean =>
    alert.guardrails.includes('exec-drift') && JSON.stringify(alert).includes(program)
  const alerts = await agent.until<readonly Alert[]>(['alert', 'list', '--limit', '1000'], (all) =>
    all.some(ofIt),
  )
  return alerts.find(ofIt) as Alert
}

async function open(): Promise<IncidentPage['incidents'][number]> {
  const { incidents: all } = await agent.json<IncidentPage>(['incident', 'list'])
  const found = all.filter(isOurs)
  expect(found).toHaveLength(1)
  return found[0] as IncidentPage['incidents'][number]
}

/** All that was due is in the file once what was decided later is there. */
async function markArrives(mode: 'alert' | 'learn'): Promise<void> {
  const reason = `a mark at ${Date.now()}`
  await agent.json(['profile', 'mode', image, mode, '--reason', reason])
  await received(() => records().some((record) => JSON.stringify(record).includes(reason)))
}

test('an intrusion is one incident in both, and its alerts have its id', async () => {
  const alert = await intrude('busybox-one')
  await received(() => incidents().some(({ alertIds }) => alertIds.includes(alert.id)))
  const { id, severity, title } = await open()
  expect(incidents()[0]).toMatchObject({
    incident: id,
    revision: 1,
    state: 'open',
    severity,
    title,
  })
  // On a busy machine it may have gone out before the incident was known. A repeat sends it again.
  await run(programAt('busybox-one'), 'true')
  await received(() => records().filter((record) => record.id === alert.id).length > 1)
  const hasId = (record: OutboundRecord): boolean =>
    record.id === alert.id && isAlert(record) && record.incident === id
  await received(() => records().some(hasId))
  await received(() => rsyslog.lines.some((line) => line.includes(`incident=${id} revision=1`)))
  expect(records('alerts').filter(isIncident)).toEqual([])
})

test('what happens while the agent is killed and after it is in the same incident, sent once', async () => {
  const { id } = await open()
  await agent.kill()
  const before = incidents().length
  await agent.start()
  const alert = await intrude('busybox-two')
  await markArrives('alert')
  const { members } = await agent.json<IncidentStory>(['incident', 'show', id])
  expect(members.map((member) => member.alert)).toContain(alert.id)
  const found = incidents()
  expect(found.every(({ incident }) => incident === id)).toBe(true)
  // It only grew: a minute has not passed, or has.
  expect(found.length - before).toBeLessThanOrEqual(1)
})

test('its closing arrives over a kill, as the last revision, and nothing is sent again', async () => {
  const { id } = await open()
  const because = 'an exercise of the test'
  await agent.json(['incident', 'close', id, '--reason', because, '--yes'])
  await agent.kill()
  await agent.start()
  await received(() => incidents().some(({ state }) => state === 'closed'))
  await received(() => rsyslog.lines.some((line) => line.includes('act=closed')))
  await markArrives('learn')
  const found = incidents()
  expect(found.map(({ revision }) => revision)).toEqual(found.map((_, at) => at + 1))
  expect(found.at(-1)).toMatchObject({
    incident: id,
    state: 'closed',
    open: 0,
    closed: { kind: 'acknowledged', reason: because },
  })
  expect(found.at(-1)?.alerts).toBeGreaterThan(found[0]?.alerts ?? 0)
  await agent.kill()
  await agent.start()
  await markArrives('alert')
  expect(incidents()).toEqual(found)
})

test('the next act of the intruder opens it again', async () => {
  const { incident, revision } = incidents().at(-1) as IncidentRecord
  await intrude('busybox-three')
  await received(() => incidents().at(-1)?.state === 'open')
  expect(incidents().at(-1)).toMatchObject({ incident, revision: revision + 1 })
})
