import { setTimeout as delay } from 'node:timers/promises'
import type { Alert } from '../core/event/alert.ts'
import { canonicalRepository } from '../core/event/canonical.ts'
import type { BehaviourView, ProfileDiff, ProfileView } from '../api/profile-views.ts'
import type { LineageView, VersionView } from '../api/version-views.ts'
import type { DemoAgent } from './demo-agent.ts'
import { clean, type Screen, severityRank } from './screen.ts'
import type { ShopVersion } from './shop-image.ts'
import { attackActs, type Stage } from './stage.ts'

/** Short enough to watch. In earnest it is an hour at least, and ends on measured coverage. */
export const demoWindow = { floor: '10s', ceiling: '12s', unseen: 0.01 } as const
const windowMs = 12_000
const repository = 'demo/shop'

export interface Reported {
  readonly acts: number
  readonly attacksDetected: number
  readonly alerts: number
  /** Before the attack. */
  readonly early: number
  readonly slowestMs: number
}

/** Learn, update, attack: the purpose of Snug in about a minute. */
export async function playStory(screen: Screen, agent: DemoAgent, stage: Stage): Promise<Reported> {
  const alerts: { readonly alert: Alert; readonly at: number }[] = []
  const seen = new Set<string>()
  agent.followAlerts((alert) => {
    // The host's other containers may raise alerts meanwhile, and these detect no act of the story.
    if (alert.image?.repository !== canonicalRepository(repository) || seen.has(alert.id)) return
    seen.add(alert.id)
    alerts.push({ alert, at: Date.now() })
  })

  screen.head(
    1,
    `${repository}:1.0 starts, and Snug learns it`,
    'A small web shop with visitors. Snug has no configuration for it.',
  )
  await stage.begin('1.0')
  await showLearned(screen, agent, '1.0', await learned(screen, agent, '1.0'))

  screen.head(
    2,
    `${repository}:2.0 is deployed beside it`,
    'It adds a health check (a new binary) and reads a new configuration file.\nIts learning window starts with the behaviours of 1.0 as prior.',
  )
  await stage.begin('2.0')
  await learned(screen, agent, '2.0')
  screen.line(
    `    ${screen.paint('green', `$ snug profile diff ${repository}:1.0 ${repository}:2.0`)}`,
  )
  await showDiff(screen, agent)

  const early = alerts.length
  if (early === 0)
    screen.line(
      `    ${screen.paint('dim', 'No alert: the changes of the image explain the new behaviour.')}`,
    )
  else
    screen.line(
      `    ${screen.paint('dim', 'Alerts, because no change of the image explains these:')}`,
    )
  for (const { alert } of alerts) screen.alert(alert, undefined)
  screen.head(
    3,
    'an attacker exploits a hole in it',
    'Snug now alerts on everything outside the profiles of both versions.',
  )
  let attacksDetected = 0
  let slowestMs = 0
  for (const act of attackActs) {
    const before = alerts.length
    screen.line(`    ${screen.paint('red', '●')} ${act.title}`)
    screen.line(`      ${screen.paint('dim', act.command)}`)
    const from = await stage.attack(act)
    await quiet(() => alerts.length, before)
    const fresh = alerts.slice(before)
    const worst = fresh.toSorted(
      (a, b) => severityRank[b.alert.severity] - severityRank[a.alert.severity],
    )
    for (const { alert, at } of worst.slice(0, 3)) screen.alert(alert, at - from)
    if (worst.length > 3) screen.line(`               and ${worst.length - 3} more`)
    if (worst.length === 0) screen.line(`    ${screen.paint('yellow', 'no new alert')}`)
    else attacksDetected++
    slowestMs = Math.max(slowestMs, ...worst.slice(0, 1).map(({ at }) => at - from))
    screen.line()
  }
  return {
    acts: attackActs.length,
    attacksDetected,
    alerts: alerts.length - early,
    early,
    slowestMs,
  }
}

/** Waits for a first alert, and then until no more come. */
async function quiet(count: () => number, before: number): Promise<void> {
  const deadline = Date.now() + 3_000
  let last = count()
  let since = Date.now()
  while (Date.now() < deadline) {
    await delay(50)
    if (count() !== last) {
      last = count()
      since = Date.now()
    }
    if (last > before && Date.now() - since > 600) return
  }
}

async function learned(
  screen: Screen,
  agent: DemoAgent,
  version: ShopVersion,
): Promise<VersionView> {
  const ref = `${repository}:${version}`
  const from = Date.now()
  let last: VersionView | undefined
  for (;;) {
    const lineage = await agent.ask<LineageView>(['image', 'show', ref])
    last = lineage?.versions.find(({ image }) => image.tag === version) ?? last
    if (last !== undefined && last.state !== 'learning') return last
    if (!agent.running) throw new Error(`the agent ended:\n${agent.lastOutput()}`)
    const spent = Date.now() - from
    if (spent > windowMs + 20_000)
      throw new Error(
        `the window of ${ref} did not end: ${last?.because ?? 'it was never observed'}`,
      )
    screen.progress(
      spent / windowMs,
      `learning ${Math.floor(spent / 1000)} s, ${last?.behaviours ?? 0} behaviours`,
    )
    await delay(150)
  }
}

async function showLearned(
  screen: Screen,
  agent: DemoAgent,
  version: ShopVersion,
  view: VersionView,
): Promise<void> {
  const profile = await agent.ask<ProfileView>(['profile', 'show', `${repository}:${version}`])
  screen.fact('learned', `${view.behaviours} behaviours, such as`)
  for (const row of mostTelling(profile?.behaviours ?? []))
    screen.line(
      `               ${clean(row.actor.script ?? row.actor.exe).padEnd(24)} ${clean(row.text)}`,
    )
  screen.fact('coverage', view.coverage.sentence)
  screen.fact('now', `${view.state}, mode ${view.mode}: ${view.because}`)
}

/** One of each kind first: five lines that show what a behaviour is. */
function mostTelling(rows: readonly BehaviourView[]): readonly BehaviourView[] {
  const kinds = [...new Set(rows.map(({ kind }) => kind))]
  const first = kinds.flatMap((kind) => rows.filter((row) => row.kind === kind).slice(0, 2))
  return first.slice(0, 5)
}

async function showDiff(screen: Screen, agent: DemoAgent): Promise<void> {
  const versions = [`${repository}:1.0`, `${repository}:2.0`]
  const diff = await agent.ask<ProfileDiff>(['profile', 'diff', ...versions])
  if (diff === undefined) return
  const rows = [
    ...diff.added.map((row) => ({ sign: screen.paint('green', '+'), row })),
    ...diff.removed.map((row) => ({ sign: screen.paint('red', '-'), row })),
  ]
  for (const { sign, row } of rows) {
    screen.line(`    ${sign} ${clean(row.actor).padEnd(40)} ${clean(row.text)}`)
    if (row.explained !== undefined)
      screen.line(`      ${screen.paint('dim', `${' '.repeat(41)}${clean(row.explained)}`)}`)
  }
  screen.line(`      ${screen.paint('dim', `${diff.unchanged} behaviours are as they were`)}`)
}
