import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { type Door, doorTo, launchBrowser, openPage, pageConfig } from '../fixtures/page-browser.ts'
import * as story from '../fixtures/page-story.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** Recorded events stand for the containers here: the test measures the page. */
const behaviours = 100_000
const alerts = 50_000
const frameMs = 50
const openedMs = 500

let agent: Agent
let door: Door
let browser: Browser
let folder: string

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-page-')
  const served = await pageConfig()
  agent = await startAgent({
    config: {
      ...served,
      sources: ['file:/dev/null'],
      engines: { docker: { socket: 'none' } },
      kernelState: 'none',
      alertsKept: alerts * 2,
    },
  })
  await replay('learned', story.many(behaviours))
  await agent.json(['profile', 'mode', story.archiveRepository, 'alert'])
  await replay('deviations', story.strayPrograms(alerts))
  const { alerts: reported } = await agent.json<StatusView>(['status'])
  // And one that stands for the storm.
  expect(reported.open).toBeGreaterThanOrEqual(alerts)
  door = await doorTo(agent, served)
  browser = await launchBrowser()
})

afterAll(async () => {
  await browser?.close()
  await door?.[Symbol.asyncDispose]()
  await agent?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function replay(name: string, events: ReturnType<typeof story.many>): Promise<void> {
  const file = join(folder, `${name}.ndjson`)
  writeFileSync(file, story.lines(events))
  const { code, stderr } = await agent.cli(['event', 'replay', file])
  // 2: deviations were found.
  expect([0, 2], stderr).toContain(code)
}

interface Trace {
  readonly traceEvents: readonly {
    readonly name: string
    readonly ph: string
    readonly pid: number
    readonly tid: number
    readonly ts: number
    readonly dur?: number
    readonly tdur?: number
    readonly args?: { readonly name?: string }
  }[]
}

/** Milliseconds of each task of the page's main thread, in processor time: other load on the machine does not count. */
async function tasksOf(page: Page, work: () => Promise<void>): Promise<readonly number[]> {
  await browser.startTracing(page, { categories: ['toplevel', 'devtools.timeline', '__metadata'] })
  await work()
  const trace = JSON.parse((await browser.stopTracing()).toString('utf8')) as Trace
  const main = trace.traceEvents.filter(
    ({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain',
  )
  const isMain = (pid: number, tid: number): boolean =>
    main.some((each) => each.pid === pid && each.tid === tid)
  const tasks = trace.traceEvents.filter(
    ({ name, ph, pid, tid }) => name.endsWith('RunTask') && ph === 'X' && isMain(pid, tid),
  )
  return tasks.map(({ tdur, dur }) => (tdur ?? dur ?? 0) / 1_000)
}

/** By wheel, by page and in great leaps, from the top to the bottom. */
async function scrollAll(page: Page, list: string): Promise<number[]> {
  const box = await page.getByRole('listbox', { name: list }).boundingBox()
  await page.mouse.move((box?.x ?? 0) + 50, (box?.y ?? 0) + 50)
  await page.evaluate(watchFrames)
  for (let i = 0; i < 40; i++) await page.mouse.wheel(0, 400)
  for (let i = 0; i < 10; i++) await page.keyboard.press('PageDown')
  await page.evaluate(`(${leap})(${JSON.stringify(list)})`)
  return page.evaluate('gaps.slice(2)')
}

const firstPaint = `performance.getEntriesByName('first-contentful-paint')[0].startTime`

/** In the page: milliseconds between frames. */
const watchFrames = `{
  globalThis.gaps = []
  let last = performance.now()
  const frame = (now) => {
    gaps.push(now - last)
    last = now
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
}`

/** In the page: to the end in forty leaps, one for each frame. */
const leap = `async (name) => {
  const list = document.querySelector('[role=listbox][aria-label="' + name + '"]')
  for (let i = 1; i <= 40; i++) {
    list.scrollTop = (list.scrollHeight * i) / 40
    await new Promise((resolve) => requestAnimationFrame(resolve))
  }
}`

async function measured(place: string, list: string, lastRow: string): Promise<void> {
  const { page, context, faults } = await openPage(browser, door)
  page.setDefaultTimeout(patienceMs)
  await page.goto(`${door.url}/${place}`)
  const rows = page.getByRole('listbox').getByRole('option')
  await rows.nth(5).waitFor()
  const opening = await tasksOf(page, async () => {
    await page.reload()
    await rows.nth(5).waitFor()
  })
  const opened = opening.reduce((sum, each) => sum + each, 0)
  const shown = await page.evaluate<number>('performance.now()')
  const paint = await page.evaluate<number>(firstPaint)
  let gaps: readonly number[] = []
  const scrolling = await tasksOf(page, async () => {
    gaps = await scrollAll(page, list)
  })
  await rows.filter({ hasText: lastRow }).first().waitFor()
  const longest = Math.max(...scrolling)
  const sorted = gaps.toSorted((a, b) => a - b)
  const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(0)
  console.log(
    `${list}: first paint ${paint.toFixed(0)} ms, rows ${shown.toFixed(0)} ms after ` +
      `${opened.toFixed(0)} ms of processor time; ${gaps.length} frames, ` +
      `median ${at(0.5)} ms, 99 % ${at(0.99)} ms; longest task ${longest.toFixed(1)} ms of processor time`,
  )
  expect(opening.length).toBeGreaterThan(20)
  expect(opened).toBeLessThan(openedMs)
  expect(scrolling.length).toBeGreaterThan(100)
  expect(longest).toBeLessThan(frameMs)
  expect(faults.output).toEqual([])
  await context.close()
}

test('100,000 behaviours: rows after half a second of work at most, and no work over 50 ms at a time on scroll', async () => {
  const image = encodeURIComponent(story.archiveRepository)
  await measured(`#/image/${image}/list`, 'behaviours', '/srv/stray/')
})

test('50,000 alerts: the same', async () => {
  await measured('#/alerts', 'alerts', '/srv/stray/aa/aaa')
})
