import { type Dirent, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Agent, Tail } from '../fixtures/agent.ts'
import {
  type Attack,
  type AttackSetting,
  lookInto,
  type TechniqueFit,
  techniqueFit,
} from './attack.ts'
import { attacks } from './attacks.ts'
import { enter, victim } from './door.ts'
import type { AttackRow } from './result.ts'
import { type RunningService, startService } from './round.ts'
import type { Service } from './service.ts'
import type { Alert } from './snug.ts'
import type { World } from './world.ts'

export interface Outcome {
  readonly happened: boolean
  readonly detected: boolean
  readonly named: boolean
  readonly id: TechniqueFit
  readonly end: string
  readonly failure?: string
}

/** Ends the wait for an alert that does not come. A loaded machine needs seconds for one that does. */
const patienceMs = 15_000

/** The process that the attacker enters, as this machine sees it. */
export interface Target {
  readonly pid: number
  /** Of its files. */
  readonly root: string
  readonly data: string
  readonly isAlertOf: (alert: Alert) => boolean
}

/** Every attack, each from within a process of the service; of those before, only those that worked. */
export async function invade(
  world: World,
  agent: Agent,
  service: Service,
  image: string,
  before: readonly AttackRow[] | undefined,
  keep: (rows: readonly AttackRow[]) => void,
): Promise<void> {
  const alerts = await agent.tail<Alert>(['alert', 'tail', '--image', image])
  try {
    await using at = await startService(world, service, image)
    // The service is under load during an attack.
    await service.load.A(at)
    const rows: AttackRow[] = []
    for (const attack of attacks) {
      const known = before?.find(({ name }) => name === attack.name)
      if (before !== undefined && known?.works !== true) {
        if (known !== undefined) rows.push(known)
        continue
      }
      const outcome = await attempt(world, await targetOf(service, at), attack, alerts)
      rows.push(rowOf(attack, outcome, known))
      // Attacks that have not run yet keep their earlier result.
      keep([...rows, ...(before ?? []).slice(rows.length)])
    }
  } finally {
    await alerts.stop()
  }
}

/** `known`: how it went in mode alert; the outcome is that of mode block then. */
export function rowOf(
  { name, tactic, technique }: Attack,
  outcome: Outcome,
  known?: AttackRow,
): AttackRow {
  if (known !== undefined) return { ...known, block: outcome }
  const { happened: works, detected, named, id, failure } = outcome
  return {
    name,
    tactic,
    technique,
    works,
    detected,
    named,
    id,
    ...(failure === undefined ? {} : { failure }),
  }
}

async function targetOf({ data }: Service, at: RunningService): Promise<Target> {
  if (!(await at.container.inspect()).State.Running) await at.restart()
  const main = (await at.container.inspect()).State.Pid
  const isAlertOf = ({ container }: Alert): boolean => container?.id === at.container.id
  return { pid: victim(main), root: `/proc/${main}/root`, data, isAlertOf }
}

export async function attempt(
  world: Pick<World, 'attacker' | 'received'>,
  { pid, root, data, isAlertOf }: Target,
  attack: Attack,
  alerts: Tail<Alert>,
  withinMs = patienceMs,
): Promise<Outcome> {
  const file = firstFile(root, data)
  const setting: AttackSetting = {
    data,
    ...(file === undefined ? {} : { file }),
    ...world.attacker,
  }
  // Alerts of the previous attack are excluded by their time.
  await delay(100)
  const from = Date.now()
  const before = lookInto(root, world.received())
  // The view caches what it has read, so this reads the requested paths first.
  attack.happened({ results: [] }, before, before, setting)
  const doing = await enter(pid, attack.calls(setting))
  await delay(50)
  const isOurs = (alert: Alert): boolean =>
    isAlertOf(alert) &&
    (alert.type === 'deviation' || alert.type === 'guardrail') &&
    Date.parse(alert.lastSeen) >= from - 20
  const happened = attack.happened(doing, before, lookInto(root, world.received()), setting)
  const isNamed = (alert: Alert): boolean => isOurs(alert) && attack.named(alert, setting)
  const named = await alerts.until(isNamed, attack.name, happened ? withinMs : 200).then(
    () => true,
    () => false,
  )
  for (const path of attack.leaves ?? [])
    rmSync(join(root, path.startsWith('/') ? path : join(data, path)), {
      recursive: true,
      force: true,
    })
  return {
    happened,
    named,
    id: techniqueFit(
      attack.technique,
      alerts.items.flatMap(({ item }) => (isOurs(item) ? item.attack : [])),
    ),
    detected: alerts.items.some(({ item }) => isOurs(item)),
    end: doing.end ?? '',
    ...(doing.failure === undefined ? {} : { failure: doing.failure }),
  }
}

/** A file that the service has made, as its container names it. */
function firstFile(root: string, folder: string, depth = 0): string | undefined {
  const entries: Dirent[] = []
  try {
    entries.push(...readdirSync(join(root, folder), { withFileTypes: true }))
  } catch {
    return undefined
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1))
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isFile() && statSync(join(root, path)).size > 0) return path
    const below = entry.isDirectory() && depth < 4 ? firstFile(root, path, depth + 1) : undefined
    if (below !== undefined) return below
  }
  return undefined
}
