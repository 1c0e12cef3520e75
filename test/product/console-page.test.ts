import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { ulid } from 'ulid'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Severity } from '../../src/core/event/alert-words.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { AgentReport } from '../../src/core/event/agent-report-schema.ts'
import { auditRecord } from '../../src/core/event/outbound-record.ts'
import { reportSubject } from '../../src/core/event/agent-report.ts'
import { violations } from '../fixtures/axe.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { digestOf } from '../fixtures/kube-pods.ts'
import { Nats } from '../fixtures/nats.ts'
import { entryOf, nodeEntry } from '../fixtures/node-entries.ts'
import type { SharedHold } from '../../src/core/lifecycle/shared-hold.ts'
import { launchBrowser, openPage, type Reviewer, typed } from '../fixtures/page-browser.ts'
import { sampleAlert } from '../fixtures/server-fixtures.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'

/**
 * The page of the console in a real browser, light and dark, with a real server for the alerts: nothing that axe finds, and
 * nothing that a container named is anything but text. With `SNUG_SCREENS=1` it writes the pictures of the docs.
 */
const screens = fileURLToPath(new URL('../../docs/screens/', import.meta.url))
const hostile = 'run /tmp/<img src=x onerror=alert(1)>\u202egnp.sh'
const hostilePeer = '<svg/onload=alert(1)>\u202e.example.'
const imageOf = (name: string, scope: string) => ({
  repository: `registry.example/${name}`,
  digest: digestOf(name),
  scope,
})
const web = imageOf('shop/web', 'shop')
const images = [
  web,
  imageOf('shop/cart', 'shop'),
  imageOf('shop/search', 'shop'),
  imageOf('pay/ledger', 'pay'),
  imageOf('pay/gateway', 'pay'),
  imageOf('infra/redis', 'pay'),
]
const ofGit = {
  authority: 'git',
  mode: { value: 'alert', by: 'flux', at: '2026-11-23T10:00:00Z' },
}
const heldPod = 'pay/gateway-7c9-x2x'
/** Of a pod with containers on two nodes; one node cannot hold its own. */
const held: SharedHold = {
  id: 'h00000001',
  level: 'changes',
  pod: heldPod,
  by: 'ann',
  at: new Date(Date.now() - 600_000).toISOString(),
  until: new Date(Date.now() + 3_600_000).toISOString(),
  reason: 'a web shell',
}
const progress = {
  n2: { id: held.id, containers: 2, held: 2 },
  n4: { id: held.id, containers: 1, held: 0, because: 'the sensor reports `stop.exec` as missing' },
} as const
const id = (n: number): string => `b${String(n).padStart(20, '0')}`

let fleet: SimulatedFleet
let nats: Nats
let served: ConsoleProcess
let browser: Browser
/** Those of one incident on two nodes. */
let shells: readonly Alert[]

/** Whom each of the images connects to, by what its nodes learned. */
const peers: readonly (readonly (readonly [peer: string, port: number])[])[] = [
  [
    ['cart.shop', 80],
    ['search.shop', 80],
    ['gateway.pay', 443],
  ],
  [
    ['redis.pay', 6379],
    ['ledger.pay', 8080],
  ],
  [['203.0.113.20', 9200]],
  [
    ['redis.pay', 6379],
    ['db.data', 5432],
  ],
  [
    ['ledger.pay', 8080],
    ['api.bank.example.', 443],
  ],
  [],
]

interface Act {
  readonly node: string
  readonly image: (typeof images)[number]
  readonly behaviour: number
  readonly text: string
  readonly severity: Severity
  readonly guardrails?: readonly string[]
  readonly minutes: number
}

function alertOf({ node, image, behaviour, text, severity, guardrails = [], minutes }: Act): Alert {
  const at = new Date(Date.now() - minutes * 60_000)
  const time = at.toISOString()
  const name = image.repository.split('/').at(-1) ?? ''
  return sampleAlert(ulid(at.getTime()), {
    node,
    time,
    firstSeen: time,
    lastSeen: time,
    severity,
    image: { ...image, tag: '1.4' },
    workload: { namespace: image.scope, kind: 'Deployment', name },
    container: { id: digestOf(`${name} ${node}`).slice(7), name: `${name}-7c9-x2x` },
    process: { pid: 812, exe: `/usr/bin/${name}`, uid: 101, origin: 'entrypoint' },
    behaviour: {
      id: id(behaviour),
      kind: text.startsWith('connect ') ? 'connect' : 'exec',
      object: text.replace(/^connect to /, ''),
      text,
    },
    reasons: [`${text.split(' ').slice(1).join(' ')} is new for /usr/bin/${name}`],
    guardrails,
    attack: guardrails.length > 0 ? ['T1059.004'] : [],
    count: 1 + (behaviour % 4),
  })
}

const acts: readonly Act[] = [
  { node: 'n1', image: web, behaviour: 1, text: 'run /bin/sh', severity: 'high', minutes: 42 },
  { node: 'n2', image: web, behaviour: 1, text: 'run /bin/sh', severity: 'high', minutes: 31 },
  {
    node: 'n4',
    image: web,
    behaviour: 2,
    text: 'run /tmp/.x/miner',
    severity: 'critical',
    guardrails: ['drift'],
    minutes: 12,
  },
  {
    node: 'n2',
    image: images[3]!,
    behaviour: 3,
    text: 'connect to tcp 203.0.113.7:4444',
    severity: 'medium',
    minutes: 55,
  },
  {
    node: 'n4',
    image: images[5]!,
    behaviour: 4,
    text: 'read /etc/ssl/private/key.pem',
    severity: 'medium',
    minutes: 90,
  },
  {
    node: 'n1',
    image: images[1]!,
    behaviour: 6,
    text: `connect to tcp ${hostilePeer}:443`,
    severity: 'high',
    minutes: 8,
  },
  { node: 'n1', image: images[1]!, behaviour: 5, text: hostile, severity: 'low', minutes: 4 },
]

async function send(...alerts: readonly Alert[]): Promise<void> {
  await nats.publish(alerts.map((alert) => JSON.stringify(alert)))
}

async function report(node: string, change: Partial<AgentReport> = {}): Promise<void> {
  const known: AgentReport = {
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
    ...change,
  }
  await nats.publish([JSON.stringify(known)], reportSubject(nats.reports, node))
}

beforeAll(async () => {
  fleet = await SimulatedFleet.start()
  for (const node of ['n1', 'n2', 'n3', 'n4']) fleet.node(node)
  fleet.node('n5', 'none')
  const learnedAt = '2026-11-21T08:00:00Z'
  for (const [i, image] of images.entries()) {
    const state = i === 2 ? 'learning' : i === 4 ? 'review' : 'enforced'
    const mode = state === 'learning' ? 'learn' : i === 3 ? 'block' : 'alert'
    fleet.profile(image, {
      state,
      mode,
      pending: i === 4 ? 3 : 0,
      ...(i === 5 ? { spec: ofGit } : i === 4 ? { spec: { holds: [held] } } : {}),
    })
    for (const node of (['n1', 'n2', 'n4'] as const).slice(i % 3)) {
      const head = {
        ...(state === 'learning' ? {} : { learnedAt }),
        ...(i === 4 && node !== 'n1' ? { holds: [progress[node]] } : {}),
      }
      fleet.slice(image, node, head, [
        nodeEntry(`/srv/${node}`, node),
        entryOf({ kind: 'listen', protocol: 'tcp', address: '0.0.0.0', port: 8080 }, node),
        ...(peers[i] ?? []).map(([peer, port]) =>
          entryOf({ kind: 'connect', protocol: 'tcp', peer, port }, node),
        ),
        {
          ...nodeEntry('/etc/hosts.allow', node),
          decision: { kind: 'approved', by: 'token:rita', at: '2026-11-22T09:30:00Z', grants: [] },
        },
      ])
    }
  }
  nats = await Nats.start()
  await nats.makeStream()
  await nats.makeReportStream()
  const alerts = acts.map(alertOf)
  shells = alerts.slice(0, 2)
  await send(...alerts)
  await report('n1')
  await report('n2', { behindMs: 184_000 })
  await report('n3', { blind: ['ebpf: the kernel has no BTF (SENSOR_UNAVAILABLE)'] })
  await report('n4')
  served = await ConsoleProcess.start({
    kubernetes: { access: fleet.kubeconfig },
    alerts: {
      type: 'nats',
      servers: [`127.0.0.1:${nats.port}`],
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
  await fleet?.[Symbol.asyncDispose]()
})

const openAs = (role: 'viewer' | 'reviewer' | 'admin', dark = false): Promise<Reviewer> =>
  openPage(browser, { url: served.url, token: served.tokens[role] }, { dark, heading: 'Images' })

/** In docs/console.md. */
const pictures = [
  'console-review-light',
  'console-incidents-light',
  'console-alerts-dark',
  'console-held-light',
  'console-map-light',
  'console-nodes-light',
]

async function kept(page: Page, name: string): Promise<void> {
  if (process.env['SNUG_SCREENS'] === undefined || !pictures.includes(name)) return
  mkdirSync(screens, { recursive: true })
  await page.screenshot({ path: join(screens, `${name}.png`) })
}

const views = [
  ['images', 'Coverage by node'],
  ['review', 'decides on'],
  ['incidents', 'What happened'],
  ['alerts', 'arguments'],
  ['map', 'Click on a party'],
  ['nodes', 'the kernel has no BTF'],
  ['held', 'spec:ann'],
  ['decisions', 'token:rita'],
] as const

describe.each(['light', 'dark'] as const)('in %s', (theme) => {
  test.each(views)('%s has no fault that axe finds', async (name, shows) => {
    const { page, context, faults } = await openAs('admin', theme === 'dark')
    await page.goto(`${served.url}/#/${name}`)
    if (name === 'alerts') await page.locator('.facts').waitFor()
    else await page.getByText(shows).first().waitFor()
    await page.locator('.waiting').first().waitFor({ state: 'detached' })
    expect(await violations(page)).toEqual([])
    expect(faults.output).toEqual([])
    await kept(page, `console-${name}-${theme}`)
    await context.close()
  })
})

test('the states of agents are there, the worst first', async () => {
  const { page, context } = await openAs('viewer')
  await page.goto(`${served.url}/#/nodes`)
  await page.locator('.row .badge').first().waitFor()
  const states = await page.locator('.row .badge').allTextContents()
  expect(states).toEqual(['missing', 'blind', 'behind', 'working', 'working'])
  await context.close()
})

test('an intruder in replicas on two nodes is one incident, with its steps and nodes', async () => {
  const { page, context, faults } = await openAs('viewer')
  await page.goto(`${served.url}/#/incidents`)
  const row = page.locator('.row', { hasText: '2 alerts in 2 containers on n1, n2' })
  await row.click()
  const story = page.locator('article[aria-label=incident]', { hasText: 'run /bin/sh' })
  await story.locator('.story', { hasText: 'on n1, n2, 2 alerts in 2 containers' }).waitFor()
  expect(await story.locator('.story li').count()).toBe(1)
  expect(await page.locator('main').textContent()).not.toContain('\u202e')
  expect(faults.output).toEqual([])
  await context.close()
})

test('an incident has the evidence that an agent captured for it, and how to get it there', async () => {
  const { page, context, faults } = await openAs('viewer')
  await page.goto(`${served.url}/#/incidents`)
  await page.locator('.row', { hasText: '2 alerts in 2 containers on n1, n2' }).click()
  const story = page.locator('article[aria-label=incident]', { hasText: 'run /bin/sh' })
  await story.waitFor()
  const [{ id: alert, node, container } = shells[0]!] = shells
  const sha256 = digestOf('a case').slice(7)
  const entry = {
    seq: 7,
    previous: '',
    id: ulid(),
    time: new Date().toISOString(),
    what: 'case',
    who: 'agent',
    case: '01KCASE',
    state: 'complete',
    container: container?.id,
    reason: `alert ${alert}: ${hostile}`,
    sha256,
    bytes: 4_096,
    alert,
  }
  await nats.publish([JSON.stringify(auditRecord(entry, sha256, node))])
  await story.getByText('snug case export 01KCASE').waitFor()
  await story.getByText(sha256).waitFor()
  await story.getByText('on n1 4 KiB').waitFor()
  expect(await violations(page)).toEqual([])
  expect(await page.locator('main img').count()).toBe(0)
  expect(await page.locator('main').textContent()).not.toContain('\u202e')
  if (process.env['SNUG_LOOK'] !== undefined)
    await page.screenshot({ path: `${process.env['SNUG_LOOK']}/case.png`, fullPage: true })
  expect(faults.output).toEqual([])
  await context.close()
})

test('a name that a container chose is text', async () => {
  const { page, context, faults } = await openAs('viewer')
  await page.goto(`${served.url}/#/alerts`)
  await page.getByText('onerror=alert(1)').first().waitFor()
  expect(await page.locator('main img').count()).toBe(0)
  expect(await page.locator('.row').first().textContent()).not.toContain('\u202e')
  expect(faults.output).toEqual([])
  await context.close()
})

describe('the map', () => {
  test('shows the connections of one workload on a click, and leads to the review of an alert', async () => {
    const { page, context, faults } = await openAs('viewer')
    await page.goto(`${served.url}/#/map`)
    await page.locator('.map .party', { hasText: 'ledger' }).click()
    await page.locator('section[aria-label=party]', { hasText: 'listens on tcp 8080' }).waitFor()
    const rows = page.locator('.map-table tbody tr')
    await expect.poll(() => rows.count()).toBe(5)
    const ends = await rows.locator('td:nth-child(-n+2)').allTextContents()
    expect(ends.filter((end) => end === 'ledger · pay')).toHaveLength(5)
    await rows.filter({ hasText: '203.0.113.7' }).getByRole('link', { name: 'review it' }).click()
    await page.locator('article[aria-label="what waits"]', { hasText: '203.0.113.7' }).waitFor()
    expect(await page.locator('.row').count()).toBe(1)
    expect(faults.output).toEqual([])
    await context.close()
  })

  test('is filtered by namespace and state, and a link keeps the filter', async () => {
    const { page, context } = await openAs('viewer')
    await page.goto(`${served.url}/#/map`)
    await page.getByLabel('namespace').selectOption('shop')
    await page.getByLabel('state').selectOption('alert')
    const rows = page.locator('.map-table tbody tr')
    await expect.poll(() => rows.count()).toBe(1)
    await page.reload()
    await expect.poll(() => rows.count()).toBe(1)
    expect(new URL(page.url()).hash).toBe('#/map?namespace=shop&state=alert')
    await context.close()
  })

  test('has names that a container chose as text, in picture and table', async () => {
    const { page, context, faults } = await openAs('viewer')
    await page.goto(`${served.url}/#/map`)
    await page.locator('.map-table', { hasText: 'onload=alert(1)' }).waitFor()
    expect(await page.locator('.map svg svg').count()).toBe(0)
    expect(await page.locator('main').textContent()).not.toContain('\u202e')
    expect(faults.output).toEqual([])
    await context.close()
  })

  test('can be read by the keyboard, and at 400 pixels', async () => {
    const { page, context } = await openAs('viewer')
    await page.setViewportSize({ width: 400, height: 800 })
    await typed(page, 'g m')
    const first = page.locator('.map-table a').first()
    await first.waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400)
    expect(await violations(page)).toEqual([])
    await page.getByRole('region', { name: 'table of connections' }).focus()
    await page.keyboard.press('Tab')
    const focused = page.locator('.map-table a:focus')
    expect(await focused.textContent()).toBe(await first.textContent())
    // The page has shown the first answer when it asks for the second one.
    for (let answers = 0; answers < 2; answers++)
      await page.waitForResponse((response) => response.url().includes('/v1/fleet/map'))
    expect(await focused.count()).toBe(1)
    await page.keyboard.press('Enter')
    await page.locator('section[aria-label=party]').waitFor()
    await context.close()
  })
})

test('a viewer has no button that decides', async () => {
  const { page, context } = await openAs('viewer')
  await page.goto(`${served.url}/#/review`)
  await page.getByText('A reviewer can decide on it').waitFor()
  expect(await page.getByRole('button', { name: /on all nodes/ }).count()).toBe(0)
  await context.close()
})

test('an approval by the keyboard is written, by the person, and its item leaves the list', async () => {
  const { page, context, faults } = await openAs('admin')
  await page.goto(`${served.url}/#/review`)
  const miner = page.locator('.row', { hasText: '/tmp/.x/miner' })
  await miner.click()
  await page.getByRole('button', { name: /Approve on all nodes/ }).waitFor()
  await page.keyboard.press('a')
  await page.getByText('Approved on all nodes').waitFor()
  await miner.waitFor({ state: 'detached' })
  await page.goto(`${served.url}/#/decisions`)
  await page.getByText('released from quarantine').first().waitFor()
  await page.getByText('spec:console:token:ada').first().waitFor()
  expect(faults.output).toEqual([])
  await context.close()
})

test('a hold has how far each node has come, and the reason of one that cannot', async () => {
  const { page, context, faults } = await openAs('viewer')
  await page.goto(`${served.url}/#/held`)
  const row = page.locator('.row', { hasText: heldPod })
  await row.locator('text=2 of 3 containers').waitFor()
  const nodes = page.locator('article[aria-label=hold] li')
  const texts = (await nodes.allTextContents()).map((each) => each.replaceAll(/\s+/g, ' ').trim())
  expect(texts).toEqual([
    'held n2 2 containers',
    '0 of 1 n4 1 containerthe sensor reports `stop.exec` as missing',
  ])
  expect(await page.getByRole('button', { name: 'Release' }).count()).toBe(0)
  expect(faults.output).toEqual([])
  await context.close()
})

test('an admin holds the container of an alert, and releases it', async () => {
  const { page, context, faults } = await openAs('admin')
  await page.goto(`${served.url}/#/alerts`)
  await page.locator('.row', { hasText: 'connect to tcp 203.0.113.7' }).first().click()
  await page.getByRole('button', { name: 'Hold the container' }).click()
  const form = page.getByRole('dialog')
  await form.getByLabel('What it cannot do').selectOption('freeze')
  await form.getByLabel('Why').fill('an exercise')
  await form.getByRole('button', { name: 'Hold', exact: true }).click()
  await page.getByText('the view Held shows how far').waitFor()
  await page.goto(`${served.url}/#/held`)
  const row = page.locator('.row', { hasText: 'an exercise' })
  await row.click()
  await page.getByText('spec:console:token:ada').first().waitFor()
  await page.getByText('No node has reported a container').waitFor()
  await page.getByRole('button', { name: 'Release …' }).click()
  await form.getByLabel('Why').fill('it was one')
  await form.getByRole('button', { name: 'Release', exact: true }).click()
  await row.waitFor({ state: 'detached' })
  expect(faults.output).toEqual([])
  await context.close()
})

test('a reviewer closes an incident with a reason, and sees until its agents have confirmed that', async () => {
  const by = 'spec:console:token:rita'
  const viewer = await openAs('viewer')
  const row = (page: Page) =>
    page.locator('.row', { hasText: '2 alerts in 2 containers on n1, n2' })
  await viewer.page.goto(`${served.url}/#/incidents`)
  await row(viewer.page).click()
  await viewer.page.locator('article[aria-label=incident] .story').waitFor()
  expect(await viewer.page.getByRole('button', { name: 'Close …' }).count()).toBe(0)
  await viewer.context.close()

  const { page, context, faults } = await openAs('reviewer')
  await page.goto(`${served.url}/#/incidents`)
  await row(page).click()
  await page.locator('article[aria-label=incident]', { hasText: 'run /bin/sh' }).waitFor()
  await page.getByRole('button', { name: 'Close …' }).click()
  const form = page.getByRole('dialog')
  await form.getByText('Acknowledges 2 alerts and allows nothing').waitFor()
  expect(await violations(page)).toEqual([])
  await form.getByLabel('Why').fill('an exercise of ours')
  await form.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByText('the agents acknowledge 2 alerts').waitFor()
  await row(page).waitFor({ state: 'detached' })

  await page.getByLabel('open or closed').selectOption('closed')
  const closed = page.locator('.row', { hasText: `${by}: an exercise of ours` })
  await closed.click()
  const card = page.locator('article[aria-label=incident]')
  await card.getByText(`acknowledged by ${by}`).waitFor()
  await card.getByText('2 alerts closed here, and not acknowledged by the agents yet').waitFor()
  expect(await violations(page)).toEqual([])
  // The agents do as it stands there.
  const at = new Date().toISOString()
  const decision = { kind: 'acknowledged', by, at, reason: 'an exercise of ours' } as const
  await send(...shells.map((alert) => ({ ...alert, decision })))
  await card.getByText('not acknowledged by the agents yet').waitFor({ state: 'detached' })
  await card.getByText(`acknowledged by ${by}`).waitFor()
  expect(faults.output).toEqual([])
  await context.close()
})

test('what git decides has no button', async () => {
  const { page, context } = await openAs('admin')
  await page.goto(`${served.url}/#/review`)
  await page.locator('.row', { hasText: 'key.pem' }).click()
  await page.getByText('Git decides on this image').waitFor()
  expect(await page.getByRole('button', { name: /on all nodes/ }).count()).toBe(0)
  await context.close()
})

test('an alert of any node appears without a click', async () => {
  const { page, context } = await openAs('viewer')
  await page.goto(`${served.url}/#/alerts`)
  await page.locator('.row').first().waitFor()
  const began = Date.now()
  const act = { ...acts[3]!, behaviour: 9, text: 'run /usr/bin/nc', minutes: 0 }
  await send(alertOf(act))
  await page.locator('.row', { hasText: '/usr/bin/nc' }).waitFor()
  console.log(`an alert was on the page after ${Date.now() - began} ms`)
  await context.close()
})

test('blind containers that an agent reports are at their node and their image', async () => {
  const image = images[3]!
  const reasons = ['runsc has its own kernel']
  await report('n4', { blindContainers: 2, blindImages: [{ image, running: 2, of: 3, reasons }] })
  const { page, context, faults } = await openAs('viewer')
  await page.goto(`${served.url}/#/nodes`)
  await page.locator('.row', { hasText: 'n4' }).getByText('2 containers blind').waitFor()
  await page.goto(`${served.url}/#/images`)
  const row = page.locator('.row', { hasText: 'pay/ledger' })
  await row.getByText('2 containers blind').waitFor()
  // By its own node it would be in mode block.
  expect(await row.locator('.badge.stage').textContent()).toBe('incomplete')
  await row.click()
  await page.getByText(`2 running containers on 1 node: ${reasons[0]}`).waitFor()
  expect(await page.locator('.badge', { hasText: 'blind' }).count()).toBe(1)
  expect(faults.output).toEqual([])
  await context.close()
})
