import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AgentClient } from '../../src/cli/agent-client.ts'
import { imagePath } from '../../src/api/image-path.ts'
import type { SnugEvent } from '../../src/core/event/event.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { violations } from '../fixtures/axe.ts'
import {
  type Door,
  doorTo,
  kept,
  launchBrowser,
  openPage,
  pageConfig,
  type Reviewer,
} from '../fixtures/page-browser.ts'
import * as story from '../fixtures/page-story.ts'

/**
 * Every view, light and dark, on an agent with a story behind it: nothing that axe finds, and nothing that a container
 * named is anything but text. With `SNUG_SCREENS=1` it writes the pictures of the docs.
 */
const web = encodeURIComponent(story.webRepository)
const hour = 3_600_000

interface View {
  readonly name: string
  readonly place: string
  /** Resolves once the view is complete. */
  readonly ready: (page: Page) => Promise<unknown>
}

const views: readonly View[] = [
  { name: 'now', place: 'now', ready: (page) => page.locator('.deviation').first().waitFor() },
  { name: 'images', place: 'images', ready: (page) => page.locator('table.images').waitFor() },
  {
    name: 'image-life',
    place: `image/${web}/life`,
    ready: async (page) => {
      await page.locator('.curve').waitFor()
      await page.locator('.findings').waitFor()
      await page.getByRole('heading', { name: 'Whether it needs root' }).waitFor()
      await page.evaluate(
        `document.querySelectorAll('.findings details').forEach((one) => { one.open = true })`,
      )
    },
  },
  {
    name: 'image-behaviour',
    place: `image/${web}/picture`,
    ready: (page) => page.locator('.peers').waitFor(),
  },
  {
    name: 'image-list',
    place: `image/${web}/list`,
    ready: (page) => page.locator('.evidence').waitFor(),
  },
  {
    name: 'image-delta',
    place: `image/${web}/delta`,
    ready: (page) => page.locator('.diff-rows').first().waitFor(),
  },
  { name: 'review', place: 'review', ready: effectShown },
  {
    name: 'incidents',
    place: 'incidents',
    ready: async (page) => {
      await page.getByRole('heading', { name: 'What happened' }).waitFor()
      await page.evaluate(`document.querySelector('article details').open = true`)
    },
  },
  { name: 'alerts', place: 'alerts', ready: effectShown },
  { name: 'audit', place: 'audit', ready: (page) => page.locator('table.audit').waitFor() },
]

function effectShown(page: Page): Promise<unknown> {
  return page.getByText('recorded attack').first().waitFor()
}

let agent: Agent
let door: Door
let browser: Browser

beforeAll(async () => {
  const served = await pageConfig()
  agent = await startAgent({
    config: {
      ...served,
      sources: ['file:/dev/null'],
      engines: { docker: { socket: 'none' } },
      kernelState: 'none',
      learn: { floor: '1h', ceiling: '7d', unseen: 1 },
    },
  })
  door = await doorTo(agent, served)
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await door?.[Symbol.asyncDispose]()
  await agent?.[Symbol.asyncDispose]()
})

const happens = (events: readonly SnugEvent[]): Promise<void> => agent.replay(story.lines(events))

async function looked(
  reviewer: Reviewer,
  { name, place, ready }: View,
  theme: string,
): Promise<void> {
  const { page, faults } = reviewer
  await page.goto(`${door.url}/#/${place}`)
  await ready(page)
  await page.locator('.waiting').first().waitFor({ state: 'detached' })
  await kept(page, `${name}-${theme}`)
  expect(await violations(page)).toEqual([])
  const text = (await page.locator('body').textContent()) ?? ''
  // The document's own layout characters only.
  expect(text.match(/[^\P{C}\n]|[\u202a-\u202e\u2066-\u2069\u200b]/u)).toBeNull()
  expect(faults.output).toEqual([])
}

/** An empty view explains why it is empty. */
const empty = [
  ['images', 'No image observed yet'],
  ['review', 'Nothing waits for a decision'],
  ['incidents', 'No open incident'],
  ['alerts', 'No open alert'],
  ['response', 'Nothing is held'],
] as const

test.each(['light', 'dark'])('first use, %s', async (theme) => {
  const reviewer = await openPage(browser, door, { dark: theme === 'dark' })
  const ready = (page: Page) => page.getByText('Waiting for the first container').waitFor()
  await looked(reviewer, { name: 'first-use', place: 'now', ready }, theme)
  for (const [place, reports] of empty) {
    await reviewer.page.goto(`${door.url}/#/${place}`)
    await reviewer.page.getByText(reports).waitFor()
    expect(await violations(reviewer.page)).toEqual([])
  }
  await reviewer.context.close()
})

describe('with a story behind it', () => {
  beforeAll(async () => {
    const now = Date.now()
    for (let i = 5; i >= 0; i--) await happens(story.learned(now - 3 * hour - i * 1_500_000, i))
    await agent.json(['profile', 'mode', story.webRepository, 'alert'])
    await agent.json(['profile', 'mode', story.databaseRepository, 'alert'])
    await happens(story.deviation('/srv/shop/backup.php', now - 2 * hour))
    await happens(story.nextVersion(now - hour))
    await happens(story.intruder(now - 120_000))
    await new AgentClient(agent.socket).send(
      'PUT',
      imagePath(story.webVersion, '/scan'),
      story.scan,
    )
  })

  test.each(['light', 'dark'])('every view, %s', async (theme) => {
    const reviewer = await openPage(browser, door, { dark: theme === 'dark' })
    for (const view of views) await looked(reviewer, view, theme)
    await reviewer.page.keyboard.press('?')
    await reviewer.page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    expect(await violations(reviewer.page)).toEqual([])
    await reviewer.context.close()
  })

  test('the theme switch takes precedence over the system setting, and is remembered', async () => {
    const { page, context } = await openPage(browser, door, { dark: true })
    const ground = (): Promise<string> =>
      page.evaluate<string>('getComputedStyle(document.documentElement).backgroundColor')
    const dark = await ground()
    await page.getByLabel('Colours').selectOption('light')
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.reload()
    expect(await ground()).toBe(light)
    await context.close()
  })

  test('an incident is one row, which is closed with a reason', async () => {
    const { page, context, faults } = await openPage(browser, door)
    await page.goto(`${door.url}/#/incidents`)
    const row = page.getByText(/reads \/etc\/shadow, runs \/tmp\/kdevtmpfsi/)
    await row.first().waitFor()
    const rows = page.getByRole('listbox', { name: 'incidents' }).getByRole('option')
    const before = await rows.count()
    await page.getByRole('button', { name: 'Close …' }).click()
    const dialog = page.getByRole('dialog', { name: 'Close the incident' })
    await dialog.getByLabel('Why').fill('an exercise')
    expect(await violations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Close', exact: true }).click()
    await page.getByText(/incident closed: \d+ alerts acknowledged/).waitFor()
    await row.first().waitFor({ state: 'detached' })
    expect(await rows.count()).toBe(before - 1)
    await page.getByLabel('open or closed').selectOption('closed')
    await page.getByText(/acknowledged by .*an exercise/).waitFor()
    expect(faults.output).toEqual([])
    await context.close()
  })

  test('nothing is wider than a narrow screen', async () => {
    const reviewer = await openPage(browser, door, { width: 400, height: 800 })
    for (const view of views) {
      await reviewer.page.goto(`${door.url}/#/${view.place}`)
      await view.ready(reviewer.page)
      const wide = await reviewer.page.evaluate<number>('document.documentElement.scrollWidth')
      expect(wide, view.name).toBeLessThanOrEqual(400)
    }
    await reviewer.context.close()
  })
})
