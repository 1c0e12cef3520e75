import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type Docker from 'dockerode'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { CaseSummary } from '../../src/api/case-views.ts'
import type { HoldView } from '../../src/api/hold-views.ts'
import type { ProfileView } from '../../src/api/profile-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { violations } from '../fixtures/axe.ts'
import { execIn, removeContainer, runContainer, startContainer } from '../fixtures/containers.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { busyboxImage, programLines, readerScript } from '../fixtures/images.ts'
import {
  type Door,
  doorTo,
  kept,
  launchBrowser,
  openPage,
  pageConfig,
  type Reviewer,
  typed,
} from '../fixtures/page-browser.ts'

/** An operator's day, in a real browser, on an agent with its own sensor and real containers. */
const repository = uniqueName('page')
const first = `${repository}:1`
const second = `${repository}:2`
const { docker, socket } = sharedEngine()
const started: Docker.Container[] = []

let agent: Agent
let door: Door
let browser: Browser
let reviewer: Reviewer

beforeAll(async () => {
  await busyboxImage(docker, {
    name: first,
    labels: { test: repository },
    files: { '/app/run': readerScript('/app/cat', ['/app/shop.conf']), '/app/shop.conf': 'a\n' },
    dockerfile: programLines(['cat']),
  })
  await busyboxImage(docker, {
    name: second,
    labels: { test: repository },
    files: {
      '/app/run': readerScript('/app/head', ['/app/shop.conf', '/app/payment.conf']),
      '/app/shop.conf': 'a\n',
      '/app/payment.conf': 'b\n',
    },
    dockerfile: programLines(['head']),
  })
  const served = await pageConfig()
  agent = await startAgent({ docker: socket, config: served })
  door = await doorTo(agent, served)
  browser = await launchBrowser()
  reviewer = await openPage(browser, door)
})

afterEach(() => {
  expect(reviewer.faults.output).toEqual([])
})

afterAll(async () => {
  await browser?.close()
  for (const container of started) await removeContainer(container)
  await door?.[Symbol.asyncDispose]()
  await agent?.[Symbol.asyncDispose]()
})

async function run(image: string): Promise<void> {
  started.push(await startContainer(docker, image, ['/app/run']))
}

async function learned(image: string, text: string): Promise<void> {
  await agent.until<ProfileView>(['profile', 'show', image], ({ behaviours }) =>
    behaviours.some((row) => row.text.includes(text)),
  )
}

/** A behaviour that is not in the profile of the first version. */
const deviates = (file: string): Promise<void> => runs(`exec /app/cat ${file}`)

async function runs(script: string): Promise<void> {
  await runContainer(docker, first, ['/bin/sh', '-c', `read x < /app/shop.conf; ${script}`])
}

function options(page: Page) {
  return page.getByRole('listbox').getByRole('option')
}

async function toasted(page: Page, text: string | RegExp): Promise<void> {
  await page.locator('.toast', { hasText: text }).last().waitFor()
}

test('a new agent shows that it waits; with the first container, the learned behaviours and the time left', async () => {
  const { page } = reviewer
  const start = page.getByRole('region', { name: 'getting started' })
  await start.getByText('Waiting for the first container').waitFor()
  await run(first)
  await start.getByText('Learning what is normal').waitFor()
  await start.getByRole('link', { name: repository }).waitFor()
  expect(await start.getByText('How long?').isVisible()).toBe(true)
  expect(await start.getByText('What to do?').isVisible()).toBe(true)
})

/** The card of the program that the second version brings. */
const brought = 'new in this version'

test('a deviation appears by itself', async () => {
  const { page } = reviewer
  await learned(first, '/app/shop.conf')
  await agent.json(['profile', 'mode', first, 'alert'])
  await page.goto(`${door.url}/#/now`)
  await page.getByRole('heading', { name: 'Live deviations' }).waitFor()
  const shown = page.locator('.deviation', { hasText: '/etc/motd' }).first().waitFor()
  await deviates('/etc/motd')
  await shown
  const at = Date.now()
  const alerts = await agent.json<readonly Alert[]>(['alert', 'list', '--limit', '1000'])
  const alert = alerts.find(({ behaviour }) => behaviour?.text === 'read /etc/motd')
  if (alert === undefined) throw new Error('the deviation has no alert')
  const tookMs = at - Date.parse(alert.time)
  console.log(`a deviation was on the page ${tookMs} ms after its alert was raised`)
})

test('the page shows the effect of an approval before; afterwards the same event is expected', async () => {
  const { page } = reviewer
  await typed(page, 'g a')
  await page.getByRole('heading', { name: 'Alerts' }).waitFor()
  await page.getByRole('searchbox').fill('/etc/motd')
  await options(page).first().waitFor()
  const story = page.getByRole('article', { name: 'alert' })
  await story.getByText('read /etc/motd').first().waitFor()
  await story.getByText(/on record .* would no longer raise alerts/).waitFor()
  await story.getByRole('list').filter({ hasText: '/app/cat' }).first().waitFor()
  await story.getByRole('button', { name: /^Allow a/ }).click()
  await toasted(page, 'alert allowed')
  await page.getByText('No alert matches').waitFor()
  const before = await agent.json<{ alerts: { total: number } }>(['status'])
  await deviates('/etc/motd')
  await deviates('/etc/group')
  await page.getByRole('searchbox').fill('/etc/')
  await options(page).filter({ hasText: '/etc/group' }).first().waitFor()
  expect(await options(page).filter({ hasText: '/etc/motd' }).count()).toBe(0)
  const after = await agent.json<{ alerts: { total: number } }>(['status'])
  expect(after.alerts.total).toBeGreaterThan(before.alerts.total)
})

test("a new version's delta is reviewed in bulk, with the keyboard alone", async () => {
  const { page } = reviewer
  await run(second)
  await learned(second, '/app/payment.conf')
  await page.goto(`${door.url}/#/now`)
  await page.locator('h1').waitFor()
  await typed(page, 'g r')
  await options(page).filter({ hasText: brought }).first().waitFor()
  const delta = await agent.json<ProfileView>(['profile', 'show', second])
  expect(delta.behaviours.some(({ allowance }) => allowance !== undefined)).toBe(false)
  // Only the changes that the new image explains.
  await page.keyboard.press('e')
  const ticked = page.locator('.selection [role=status]')
  await expect.poll(() => ticked.textContent()).toMatch(/^[1-9]\d* ticked/)
  await page.keyboard.press('a')
  await toasted(page, /^[1-9]\d* behaviours? allowed/)
  const toast = (await page.locator('.toast').last().textContent()) ?? ''
  const count = Number.parseInt(toast, 10)
  const decided = async (): Promise<number> => {
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', second])
    return behaviours.filter(({ state }) => state === 'approved').length
  }
  expect(await decided()).toBe(count)
  await page.keyboard.press('u')
  await toasted(page, 'undone')
  expect(await decided()).toBe(0)
  // One by one as well: down, tick, up, tick, reject.
  await options(page).nth(1).waitFor()
  for (const key of ['j', 'x', 'k', 'x', 'r']) await page.keyboard.press(key)
  await toasted(page, /\d behaviours rejected/)
  const rejected = async (): Promise<number> => {
    const { behaviours } = await agent.json<ProfileView>(['profile', 'show', second])
    return behaviours.filter(({ state }) => state === 'rejected').length
  }
  await page.keyboard.press('u')
  // The toast of the undo before may still be there.
  await expect.poll(rejected, { message: 'undone' }).toBe(0)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
  await page.keyboard.press('Escape')
})

test('a program that a version brings is one card: a part of it is decided on, and the rest waits', async () => {
  const { page } = reviewer
  await options(page).filter({ hasText: brought }).first().click()
  const detail = page.getByRole('article', { name: 'decision' })
  const lines = detail.locator('.card-behaviours li')
  await detail.getByText('/app/payment.conf').first().waitFor()
  const before = await lines.count()
  expect(before).toBeGreaterThan(2)
  await detail.getByRole('button', { name: 'Reject only this' }).last().click()
  await toasted(page, '1 behaviour rejected')
  await expect.poll(() => lines.count()).toBe(before - 1)
  const { behaviours } = await agent.json<ProfileView>(['profile', 'show', second])
  expect(behaviours.filter(({ state }) => state === 'rejected')).toHaveLength(1)
  await page.keyboard.press('u')
  await toasted(page, 'undone')
  await expect.poll(() => lines.count()).toBe(before)
})

test('a press on a row chooses no other row that moves to its place meanwhile', async () => {
  const { page } = reviewer
  const detail = page.getByRole('article', { name: 'decision' })
  await options(page).first().click()
  const chosen = await detail.locator('h2').textContent()
  const pressed = options(page).filter({ hasText: 'runs /app/cat' })
  const place = await pressed.getAttribute('aria-posinset')
  await pressed.hover()
  await page.mouse.down()
  await runs('echo "* * * * * root /app/cat" > /etc/crontab')
  await expect.poll(() => pressed.getAttribute('aria-posinset')).not.toBe(place)
  await page.mouse.up()
  expect(await detail.locator('h2').textContent()).toBe(chosen)
})

test('of two reviewers the second is informed, and sees the current decision before deciding again', async () => {
  const { page } = reviewer
  const other = await openPage(browser, door)
  for (const each of [page, other.page]) {
    await each.goto(`${door.url}/#/review`)
    await options(each).filter({ hasText: brought }).first().click()
    await each.getByRole('article', { name: 'decision' }).getByText(brought).first().waitFor()
  }
  // The second reviewer's page does not have the decision yet.
  await other.page.route('**/v1/review?**', (route) => void route.abort())
  await page.getByRole('button', { name: 'Reject only this' }).last().click()
  await toasted(page, '1 behaviour rejected')
  await other.page.keyboard.press('r')
  await toasted(other.page, 'Another reviewer decided meanwhile')
  await other.page.unroute('**/v1/review?**')
  await other.page.getByText('Another reviewer decided on this image meanwhile').waitFor()
  await other.page.keyboard.press('r')
  await toasted(other.page, /\d behaviours? rejected/)
  expect(other.faults.output.filter((each) => !each.includes('412'))).toEqual([])
  await other.context.close()
})

test('a lost connection is reported, and events of the meantime appear once it is back', async () => {
  const { page } = reviewer
  await page.goto(`${door.url}/#/alerts`)
  await options(page).first().waitFor()
  const connection = page.locator('.connection')
  await expect.poll(() => connection.textContent()).toContain('live')
  door.shut()
  await expect.poll(() => connection.textContent()).toContain('connection lost')
  await deviates('/etc/shadow')
  await deviates('/etc/passwd')
  await agent.until<readonly { behaviour: { text: string } | null }[]>(
    ['alert', 'list', '--limit', '1000'],
    (alerts) => alerts.some(({ behaviour }) => behaviour?.text.includes('/etc/passwd') === true),
  )
  door.open()
  await expect.poll(() => connection.textContent()).toMatch(/live.*caught up/)
  await options(page).filter({ hasText: '/etc/shadow' }).first().waitFor()
  await options(page).filter({ hasText: '/etc/passwd' }).first().waitFor()
})

test('from the story of an alert its container is held and captured, and the view of both releases it', async () => {
  const { page } = reviewer
  const [service] = started
  if (service === undefined) throw new Error('no container runs')
  const name = (await service.inspect()).Name.slice(1)
  await execIn(docker, service, ['/bin/sh', '-c', ':'])
  const isHis = ({ container }: Alert): boolean => container?.id === service.id
  const alerts = await agent.until<Alert[]>(['alert', 'list', '--limit', '1000'], (list) =>
    list.some(isHis),
  )
  const story = `${door.url}/#/alerts/${alerts.find(isHis)?.id}`
  // From a view without a story, so that the button is none of another alert.
  await page.goto(`${door.url}/#/now`)
  await page.getByRole('heading', { name: 'Now', level: 1 }).waitFor()
  await page.goto(story)

  await page.getByRole('button', { name: 'Hold the container …' }).click()
  const asked = page.getByRole('dialog', { name: 'Hold the container' })
  await asked.getByLabel('Why').fill('an intruder')
  // An answer that does not come leaves the story, and what is being written in it.
  await page.route('**/story', (route) => void route.abort())
  await page.locator('.split-detail .note.bad').waitFor()
  await page.unroute('**/story')
  expect(await violations(page)).toEqual([])
  await asked.getByRole('button', { name: 'Hold', exact: true }).click()
  await toasted(page, 'ordered')
  await typed(page, 'g o')
  const held = page.getByRole('region', { name: 'Held containers' })
  await held.getByText('held', { exact: true }).waitFor()
  await held.getByText(name, { exact: true }).waitFor()
  const holds = await agent.json<HoldView[]>(['quarantine', 'list'])
  expect(holds).toMatchObject([
    { level: 'network', reason: 'an intruder', containers: [{ id: service.id, state: 'held' }] },
  ])

  await held.getByRole('button', { name: 'Release …' }).click()
  const release = page.getByRole('dialog', { name: 'Release the hold' })
  await release.getByRole('button', { name: 'Release', exact: true }).click()
  await held.getByText('Nothing is held').waitFor()
  expect(await agent.json<HoldView[]>(['quarantine', 'list'])).toEqual([])

  await page.goto(story)
  await page.getByRole('button', { name: 'Capture evidence …' }).click()
  const capture = page.getByRole('dialog', { name: 'Capture evidence' })
  await capture.getByLabel('Why').fill('for the file')
  await capture.getByRole('button', { name: 'Capture', exact: true }).click()
  const evidence = page.getByRole('region', { name: 'Evidence' })
  await evidence.getByText('/app/run').first().waitFor()
  expect(await violations(page)).toEqual([])
  await kept(page, 'response-light')
  // Nothing above the button is still to come.
  await page.getByText('Nothing is held').waitFor()
  const saved = page.waitForEvent('download')
  await evidence.getByRole('button', { name: 'Download' }).click()
  await toasted(page, /\.gz saved/)
  const bytes = readFileSync(await (await saved).path())
  const [found] = await agent.json<CaseSummary[]>(['case', 'list'])
  expect(found).toMatchObject({ reason: 'for the file', container: { id: service.id } })
  // The events of the next minute may have followed meanwhile: then it is another file.
  const [head] = gunzipSync(bytes).toString().split('\n')
  expect(JSON.parse(head ?? '')).toMatchObject({ type: 'case', id: found?.id })
})
