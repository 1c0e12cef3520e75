import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { SnugEvent } from '../../src/core/event/event.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type { EvidenceKind } from '../../src/cli/report/framework.ts'
import type { Evidence, EvidenceReport } from '../../src/cli/report/report-schema.ts'
import { openLevelStore } from '../../src/agent/records/store/level-store.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { violations } from '../fixtures/axe.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import * as story from '../fixtures/page-story.ts'

/** The report of a real agent: what it observed, what it lost, who decided, and the page that a person prints. */
const now = Date.now()
const hour = 3_600_000
const at = (agoMs: number): string => new Date(now - agoMs).toISOString()
const loss: SnugEvent = {
  v: 1,
  node: 'n1',
  source: 'replay',
  time: at(hour),
  kind: 'loss',
  loss: { reason: 'ring-full', count: 7, from: at(2 * hour), to: at(hour) },
}

let agent: Agent
let browser: Browser
let folder: string

beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-report-')
  agent = await startAgent({
    config: {
      sources: ['file:/dev/null'],
      engines: { docker: { socket: 'none' } },
      kernelState: 'none',
    },
  })
  browser = await launchBrowser()
  for (let i = 2; i >= 0; i--) await happens(story.learned(now - 3 * hour - i * 1_500_000, i))
  await agent.json(['profile', 'mode', story.webRepository, 'alert'])
  await happens([loss])
  await happens(story.intruder(now - 120_000))
})

afterAll(async () => {
  await browser?.close()
  await agent?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const happens = (events: readonly SnugEvent[]): Promise<void> => agent.replay(story.lines(events))

function report(framework: string): Promise<EvidenceReport> {
  return agent.json<EvidenceReport>(['report', 'compliance', '--framework', framework])
}

function of({ evidence }: EvidenceReport, kind: EvidenceKind): Evidence {
  const found = evidence.find((one) => one.kind === kind)
  if (found === undefined) throw new Error(`no evidence of the kind ${kind}`)
  return found
}

test('a report has the changed file, the foreign program, the loss and the decision with its author', async () => {
  const alerts = await agent.json<readonly Alert[]>(['alert', 'list', '--type', 'guardrail'])
  const drift = alerts.find(({ guardrails }) => guardrails.includes('exec-drift'))
  if (drift === undefined) throw new Error('no alert about the foreign program')
  await agent.json(['alert', 'ack', drift.id, '--reason', 'a test of the auditors'])

  const pci = await report('pci-dss-4.0.1')
  expect(pci.controls.map(({ id }) => id)).toEqual(['2.2.4', '10.7.2', '11.5.2'])
  const rows = of(pci, 'changes').tables[0]?.rows ?? []
  const byWhat = new Map(rows.map((row) => [row['what'], row]))
  expect(byWhat.get('write /etc/crontab')).toMatchObject({ actor: '/bin/sh', decision: 'none' })
  const foreign = rows.find(({ what }) => String(what).startsWith('run /tmp/kdevtmpfsi'))
  expect(foreign?.['decision']).toMatch(/^acknowledged by cli:root at /)
  expect(rows.some(({ what }) => what === 'read /etc/shadow')).toBe(false)
  expect(of(pci, 'losses').gaps.join()).toContain('`ring-full`')
  expect(of(pci, 'decisions').tables[0]?.rows).toContainEqual(
    expect.objectContaining({ what: 'ack', reason: 'a test of the auditors' }),
  )
  expect(of(pci, 'images').tables[0]?.rows.map(({ mode }) => mode)).toContain('alert')
  expect(of(pci, 'monitoring').gaps.join()).toContain('No sink is configured')
  // The records begin with this test.
  expect(pci.gaps.join()).toContain('nothing on record before')
})

test('programs and ports of the profiles are evidence of least functionality', async () => {
  const { tables } = of(await report('nist-800-53r5'), 'functions')
  const what = tables[0]?.rows.map((row) => row['what'])
  expect(what).toContain('run /usr/sbin/nginx')
  expect(what?.some((text) => /^listen .*5432/.test(String(text)))).toBe(true)
})

async function opened(html: string): Promise<Page> {
  const file = join(folder, 'report.html')
  writeFileSync(file, html)
  const page = await browser.newPage({ viewport: { width: 1000, height: 1200 } })
  const asked: string[] = []
  page.on('request', (request) => asked.push(request.url()))
  await page.goto(pathToFileURL(file).href)
  // Nothing but itself.
  expect(asked).toEqual([pathToFileURL(file).href])
  return page
}

test('the page needs nothing else, shows hostile names as text, and can be printed', async () => {
  const { code, stdout } = await agent.cli(['report', 'compliance', '--framework', 'pci-dss-4.0.1'])
  expect(code).toBe(0)
  const page = await opened(stdout)
  if (process.env['SNUG_LOOK'] !== undefined)
    await page.screenshot({ path: `${process.env['SNUG_LOOK']}/report.png`, fullPage: true })
  expect(await page.evaluate<number>('document.scripts.length')).toBe(0)
  const text = (await page.locator('body').textContent()) ?? ''
  expect(text).toContain('\\u{202e}gpj.\\u{1b}[31mphoto')
  expect(text.match(/[^\P{C}\n]/u)).toBeNull()
  expect(await violations(page)).toEqual([])
  for (const media of ['screen', 'print'] as const) {
    await page.emulateMedia({ media })
    const [wide = 0, view = 0] = await page.evaluate<number[]>(
      '[document.documentElement.scrollWidth, innerWidth]',
    )
    expect(wide, media).toBeLessThanOrEqual(view)
    const place = process.env['SNUG_SCREENS']
    if (place !== undefined) {
      await page.screenshot({ path: join(place, `report-${media}.png`), fullPage: true })
    }
  }
  await page.close()
})

test('an audit log that somebody changed is stated in both formats', async () => {
  const whole = of(await report('nist-800-53r5'), 'audit')
  expect(whole.gaps).toEqual([])
  expect(whole.statements.join()).toContain('is unbroken')
  await agent.stop()
  const { store } = await openLevelStore(join(agent.data, 'store'))
  const entries = await store.audit(100)
  const ack = entries.find(({ value }) => (value as AuditView).what === 'ack')
  if (ack === undefined) throw new Error('no entry to change')
  const value = { ...(ack.value as AuditView), who: 'token:somebody-else' }
  await store.batch([{ kind: 'audit', id: ack.id, value }])
  await store.close()
  await agent.start()

  const changed = of(await report('nist-800-53r5'), 'audit')
  expect(changed.gaps.join()).toContain('damaged or was changed')
  expect(changed.statements.join()).not.toContain('unbroken')
  const { stdout } = await agent.cli(['report', 'compliance', '--framework', 'nist-800-53r5'])
  expect(stdout).toContain('The audit log is damaged or was changed.')
})
