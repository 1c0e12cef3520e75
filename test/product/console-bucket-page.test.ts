import type { Browser, Page } from 'playwright-core'
import { ulid } from 'ulid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeBehaviour, objectLine, objectText } from '../../src/core/behaviour/describe.ts'
import type { Severity } from '../../src/core/event/alert-words.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import { reportSubject } from '../../src/core/event/agent-report.ts'
import type { ProfileEntry } from '../../src/core/profile/profile-entry.ts'
import { decisionKey, modeSubject, sliceKey } from '../../src/fleet/nats/fleet-keys.ts'
import { decisionText, sliceText } from '../../src/fleet/nats/fleet-values.ts'
import { violations } from '../fixtures/axe.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { digestOf } from '../fixtures/kube-pods.ts'
import { Nats } from '../fixtures/nats.ts'
import { entryOf, nodeEntry } from '../fixtures/node-entries.ts'
import { launchBrowser, openPage, type Reviewer } from '../fixtures/page-browser.ts'
import { sampleAlert } from '../fixtures/server-fixtures.ts'

/** The page of the console in a real browser, of a fleet that has no Kubernetes. */
const bucket = 'snug'
const image = { repository: 'registry.example/shop/web', digest: digestOf('web') }
const hosts = ['vm-1', 'vm-2.example.com', 'vm-3']
const by = { by: 'cli:ann', at: '2026-11-22T09:30:00.000Z' }

let nats: Nats
let served: ConsoleProcess
let browser: Browser

function alertOf(node: string, entry: ProfileEntry, severity: Severity): Alert {
  const { id, actor, uid, object } = entry
  return sampleAlert(ulid(), {
    node,
    severity,
    image: { ...image, tag: '1.4' },
    container: { id: digestOf(node).slice(7), name: 'web-1' },
    process: { pid: 812, exe: actor.exe, uid: 0, origin: 'entrypoint' },
    behaviour: {
      id,
      kind: object.kind,
      object: objectText(object),
      text: objectLine(object),
      form: { actor, uid, object, origin: 'entrypoint' },
    },
    reasons: [describeBehaviour(entry)],
  })
}

beforeAll(async () => {
  nats = await Nats.start()
  await nats.makeBucket(bucket)
  await nats.makeStream()
  await nats.makeReportStream()
  const learnedAt = '2026-11-21T08:00:00Z'
  const values = hosts.slice(0, 2).map((node) => {
    const seen = [
      nodeEntry(`/srv/${node}`, node),
      entryOf({ kind: 'listen', protocol: 'tcp', address: '0.0.0.0', port: 8080 }, node),
      entryOf({ kind: 'connect', protocol: 'tcp', peer: 'db.shop.example.', port: 5432 }, node),
    ]
    return [sliceKey(node, image, 0), sliceText(image, node, 'r', { learnedAt }, seen)] as const
  })
  const mode = { mode: 'alert', ...by } as const
  const decided = decisionText({ image, node: 'vm-1', mode })
  await nats.put(bucket, [...values, [decisionKey(image, modeSubject), decided]])
  const run = entryOf({ kind: 'exec', path: '/bin/sh' }, 'vm-1')
  const connect = entryOf(
    { kind: 'connect', protocol: 'tcp', peer: '203.0.113.7', port: 4444 },
    'vm-1',
  )
  const alerts = [
    alertOf('vm-1', run, 'high'),
    alertOf('vm-2.example.com', run, 'high'),
    alertOf('vm-1', connect, 'medium'),
  ]
  await nats.publish(alerts.map((alert) => JSON.stringify(alert)))
  for (const node of hosts.slice(0, 2)) {
    const report = {
      schema: 'snug.agent/v1',
      time: new Date().toISOString(),
      node,
      version: '0.1.0',
      everyMs: 3_600_000,
      state: 'running',
      blind: [],
      degraded: [],
      behindMs: 0,
      containers: 14,
      openAlerts: 2,
    }
    await nats.publish([JSON.stringify(report)], reportSubject(nats.reports, node))
  }
  const servers = [`127.0.0.1:${nats.port}`]
  served = await ConsoleProcess.start({
    fleet: { type: 'nats', servers, bucket },
    alerts: {
      type: 'nats',
      servers,
      stream: 'SNUG',
      subject: nats.subject,
      reports: { stream: 'SNUG_AGENTS', subject: nats.reports },
    },
  })
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await served?.[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
})

const openAs = (role: 'viewer' | 'admin'): Promise<Reviewer> =>
  openPage(browser, { url: served.url, token: served.tokens[role] }, { heading: 'Images' })

const show = async (page: Page, name: string): Promise<void> => {
  await page.goto(`${served.url}/#/${name}`)
  await page.getByRole('heading', { level: 1, name: new RegExp(name, 'i') }).waitFor()
  await page.locator('.waiting').first().waitFor({ state: 'detached' })
}

const views = [
  ['images', 'set by cli:ann'],
  ['review', 'decides on'],
  ['alerts', 'run /bin/sh'],
  ['map', 'Click on a party'],
  ['nodes', 'vm-2.example.com'],
  ['decisions', 'cli:ann'],
] as const

test.each(views)(
  '%s is there, has no fault that axe finds, and names nothing of Kubernetes',
  async (name, shows) => {
    const { page, context, faults } = await openAs('admin')
    await show(page, name)
    await page.getByText(shows).first().waitFor()
    expect(await violations(page)).toEqual([])
    expect(faults.output).toEqual([])
    const fields = await page
      .locator('main input')
      .evaluateAll((all) => all.map((each) => each.getAttribute('placeholder') ?? ''))
    const texts = [await page.locator('main').innerText(), ...fields].join('\n')
    expect(texts).not.toMatch(/namespace|\bpods?\b|kubectl|ImageProfile|cluster|API server/i)
    const folder = process.env['SNUG_LOOK']
    if (folder !== undefined) await page.screenshot({ path: `${folder}/${name}.png` })
    await context.close()
  },
)

test('an approval by the keyboard is written to the bucket, by the person', async () => {
  const { page, context, faults } = await openAs('admin')
  await show(page, 'review')
  const run = page.locator('.row', { hasText: 'run /bin/sh' })
  await run.click()
  await page.getByRole('button', { name: /Approve on all nodes/ }).waitFor()
  await page.keyboard.press('a')
  await page.getByText('Approved on all nodes').waitFor()
  await run.waitFor({ state: 'detached' })
  await show(page, 'decisions')
  await page.getByText('console:token:ada').first().waitFor()
  const { id } = entryOf({ kind: 'exec', path: '/bin/sh' }, 'vm-1')
  const written = (await nats.values(bucket)).get(decisionKey(image, id)) ?? '{}'
  expect(JSON.parse(written)).toMatchObject({
    entry: { decision: { kind: 'approved', by: 'console:token:ada' } },
  })
  expect(faults.output).toEqual([])
  await context.close()
})

test('a host that shares and does not report is silent', async () => {
  const values = [
    [sliceKey('vm-3', image, 0), sliceText(image, 'vm-3', 'r', {}, [nodeEntry('/x', 'vm-3')])],
  ] as const
  await nats.put(bucket, values)
  const { page, context } = await openAs('viewer')
  await show(page, 'nodes')
  const row = page.locator('.row', { hasText: 'vm-3' })
  await row.getByText('its agent has not reported yet').waitFor()
  expect(await row.locator('.badge').textContent()).toBe('silent')
  await context.close()
})
