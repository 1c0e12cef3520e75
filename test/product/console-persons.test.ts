import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { PersonView } from '../../src/api/person-views.ts'
import type { FleetPersonPage, FleetPersonStory } from '../../src/console/reading/person-views.ts'
import type { FleetAlerts, FleetIncidents } from '../../src/console/reading/views.ts'
import { Agent } from '../fixtures/agent.ts'
import { auditLine } from '../fixtures/audit-lines.ts'
import { violations } from '../fixtures/axe.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { Nats } from '../fixtures/nats.ts'
import { launchBrowser, openPage } from '../fixtures/page-browser.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'

/**
 * Persons at `snug console`, named by two real agents that read an audit log each, over a real nats-server, and its page in
 * a browser. The events of the sessions are replayed: test/kube/session-persons.test.ts has them from a real API server.
 */
const alice = 'https://login.example/#alice'
const containers = { n1: 'a'.repeat(64), n2: 'b'.repeat(64) } as const
type NodeName = keyof typeof containers
const pods = { n1: 'web-0', n2: 'web-1' } as const
const names = ['n1', 'n2'] as const

/** Before the agents began, so that they are sure of no session, however long all of this takes. */
const enteredMs = Date.now()

let fleet: SimulatedFleet
let nats: Nats
let served: ConsoleProcess
let browser: Browser
const agents = new Map<NodeName, Agent>()

const logOf = (agent: Agent): string => join(agent.folder, 'audit.log')

beforeAll(async () => {
  fleet = await SimulatedFleet.start()
  nats = await Nats.start()
  await nats.makeStream()
  for (const node of names) {
    fleet.node(node)
    const agent = new Agent({ config: {} })
    writeFileSync(logOf(agent), '')
    writeFileSync(agent.config, JSON.stringify(configOf(node, agent)))
    agents.set(node, agent)
    await agent.start()
  }
  served = await ConsoleProcess.start({
    kubernetes: { access: fleet.kubeconfig },
    alerts: {
      type: 'nats',
      servers: [`127.0.0.1:${nats.port}`],
      stream: 'SNUG',
      subject: nats.subject,
    },
  })
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await served?.[Symbol.asyncDispose]()
  for (const agent of agents.values()) await agent[Symbol.asyncDispose]()
  await nats?.[Symbol.asyncDispose]()
  await fleet?.[Symbol.asyncDispose]()
})

function configOf(node: NodeName, { data, socket, kernelState, ...agent }: Agent): object {
  return {
    listen: 'none',
    data,
    socket,
    kernelState,
    node,
    sources: ['file:-'],
    engines: {
      docker: { socket: 'none' },
      kubernetes: {
        access: fleet.kubeconfig,
        share: false,
        auditLog: join(agent.folder, 'audit.log'),
      },
    },
    sinks: [
      {
        name: 'console',
        type: 'nats',
        servers: [`127.0.0.1:${nats.port}`],
        subject: nats.subject,
        only: { severity: 'low' },
        storms: 'each',
      },
    ],
  }
}

interface Entry {
  readonly session: string
  readonly command: readonly string[]
  /** Who asks the API server for it; absent: nobody does. */
  readonly user?: string
}

/** A session of a pod of the node, as the sensor reports its first program: an intruder's shell. */
async function enters(node: NodeName, { session, command, user }: Entry): Promise<void> {
  const agent = agents.get(node)!
  const [namespace, pod] = ['shop', pods[node]]
  if (user !== undefined)
    appendFileSync(logOf(agent), auditLine({ user, command, namespace, pod, atMs: enteredMs - 50 }))
  const [path = ''] = command
  const event = {
    v: 1,
    time: new Date(enteredMs).toISOString(),
    node,
    source: 'file',
    kind: 'exec',
    container: { id: containers[node], name: `${pod}/web` },
    image: { repository: 'shop/web', tag: '1', digest: `sha256:${'c'.repeat(64)}` },
    workload: { namespace, kind: 'StatefulSet', name: 'web', pod },
    process: {
      pid: 100 + Number(session.slice(1)),
      exe: path,
      args: command,
      uid: 0,
      origin: 'exec-in',
      session,
      socketStdio: true,
    },
    exec: { path, drift: true },
  }
  const file = join(agent.folder, `${session}.ndjson`)
  writeFileSync(file, `${JSON.stringify(event)}\n`)
  await agent.cli(['event', 'replay', file])
}

const storyPath = (name: string): string => `/v1/fleet/persons/${encodeURIComponent(name)}`

test('a person whom two agents name is one, with what they did on both nodes', async () => {
  await enters('n1', { session: 's1', command: ['/tmp/a', '-x'], user: alice })
  await enters('n2', { session: 's2', command: ['/tmp/a', '-x'], user: alice })
  await enters('n2', { session: 's3', command: ['/tmp/b'], user: 'bob' })
  await enters('n2', { session: 's4', command: ['/tmp/c'] })
  const { rows, covers } = await served.until<FleetPersonPage>(
    '/v1/fleet/persons',
    ({ rows: all, covers: { unnamed } }) =>
      all.length === 2 &&
      all.some(({ nodeCount }) => nodeCount === 2) &&
      unnamed.every(({ why }) => why !== 'waiting'),
  )
  expect(rows.find(({ name }) => name === alice)).toMatchObject({
    from: ['10.1.2.3'],
    certainties: { likely: 2 },
    nodes: ['n1', 'n2'],
    places: ['shop/web'],
    containerCount: 2,
  })
  expect(covers).toMatchObject({ sessions: 4, unnamed: [{ why: 'no-request', sessions: 1 }] })
  expect(covers.from).toBeDefined()

  const story = await served.get<FleetPersonStory>(storyPath(alice))
  const seen = story.containers.map(
    ({ node, id, sessions }) => `${node} ${id} ${sessions.map((each) => each.id).join()}`,
  )
  expect(seen.toSorted()).toEqual([`n1 ${containers.n1} s1`, `n2 ${containers.n2} s2`])
  const { rows: incidents } = await served.get<FleetIncidents>('/v1/fleet/incidents')
  const ids = incidents.filter(({ persons }) => persons.includes(alice)).map(({ id }) => id)
  expect(ids.length).toBeGreaterThan(0)
  expect(story.incidents.map(({ id }) => id).sort()).toEqual(ids.sort())

  // It is what the agents have.
  for (const [node, agent] of agents) {
    const [own] = await agent.json<readonly PersonView[]>(['person', alice])
    const here = story.containers.find((each) => each.node === node)
    expect(own).toMatchObject({ sessions: here?.sessionCount, alerts: here?.alerts })
  }
})

test('the alerts of one person can be listed, and name them', async () => {
  const path = `/v1/fleet/alerts?person=${encodeURIComponent(alice)}`
  const { rows } = await served.get<FleetAlerts>(path)
  expect(new Set(rows.map(({ node }) => node))).toEqual(new Set(names))
  for (const { persons } of rows) expect(persons).toEqual([alice])
  expect(rows[0]).not.toHaveProperty('incident')
  expect((await served.get<FleetAlerts>('/v1/fleet/alerts?person=lice')).rows).toEqual([])
})

test('a viewer may read persons, one without a credential none, and an unknown one has a code', async () => {
  const { status, body } = await served.ask<{ readonly code: string }>(storyPath('carol'))
  expect([status, body.code]).toEqual([404, 'PERSON_UNKNOWN'])
  for (const path of ['/v1/fleet/persons', storyPath(alice)])
    expect((await fetch(`${served.url}${path}`)).status).toBe(401)
})

test('a name that the agent takes back is gone', async () => {
  // A line that comes late: somebody else may have begun the session as well.
  const act = { user: 'carol', command: ['/tmp/b'], pod: pods.n2, atMs: enteredMs - 40 }
  appendFileSync(logOf(agents.get('n2')!), auditLine(act))
  await served.until<FleetPersonPage>('/v1/fleet/persons', ({ rows: all, covers: { unnamed } }) => {
    const isOpen = unnamed.some(({ why }) => why === 'several-persons')
    return isOpen && all.map(({ name }) => name).join() === alice
  })
})

const openAt = async (view: Parameters<typeof openPage>[2], path: string) => {
  const opened = await openPage(
    browser,
    { url: served.url, token: served.tokens.viewer },
    { ...view, heading: 'Images' },
  )
  await opened.page.goto(`${served.url}/#/${path}`)
  return opened
}

describe.each([
  { theme: 'light', dark: false, width: 1280, height: 800 },
  { theme: 'dark', dark: true, width: 1280, height: 800 },
  { theme: 'narrow', dark: false, width: 400, height: 900 },
])('the page, $theme', (view) => {
  test('has a person with nothing that axe finds, and nothing beyond its edge', async () => {
    const { page, context, faults } = await openAt(view, 'persons')
    const story = page.locator('article[aria-label=person]')
    await story.getByText(alice).waitFor()
    await page.getByText('of 2 nobody is named').waitFor()
    await story.getByRole('link', { name: 'run /tmp/a' }).first().waitFor()
    expect(await violations(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(view.width)
    if (process.env['SNUG_LOOK'] !== undefined)
      await page.screenshot({
        path: `${process.env['SNUG_LOOK']}/persons-${view.theme}.png`,
        fullPage: true,
      })
    expect(faults.output).toEqual([])
    await context.close()
  })
})

test('leads from an incident to the person, and from the person to each alert and incident', async () => {
  const { page, context, faults } = await openAt({}, 'incidents')
  const link = page.locator('article[aria-label=incident]').getByRole('link', { name: alice })
  await link.first().click()
  const story = page.locator('article[aria-label=person]', { hasText: alice })
  await story.getByText('2: 2 likely').waitFor()
  const incident = story.locator('.plain-list a').first()
  const title = (await incident.textContent()) ?? ''
  await incident.click()
  await page.locator('article[aria-label=incident] h2', { hasText: title }).waitFor()
  await page.goBack()
  await story.getByRole('link', { name: 'run /tmp/a' }).last().click()
  const alert = page.locator('article[aria-label=alert]')
  const back = alert.getByRole('link', { name: `${alice} from 10.1.2.3 (likely)` })
  await back.click()
  await story.getByRole('link', { name: 'also older ones' }).click()
  await expect.poll(() => page.locator('.row').count()).toBe(2)
  expect(await page.getByLabel('of sessions by a person').inputValue()).toBe(alice)
  expect(faults.output).toEqual([])
  await context.close()
})
