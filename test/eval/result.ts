import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Tactic, TechniqueFit } from './attack.ts'
import type { Kind } from './service.ts'
import type { LearnedProfile } from './snug.ts'
import type { Column } from './split.ts'

/**
 * `one`: learned from one container under a minute of load A. `three`: from three containers, one of them under load B.
 * Both are judged under load B.
 */
export const protocols = ['one', 'three'] as const
export type Protocol = (typeof protocols)[number]

/** How a version was judged. */
export interface Judged {
  readonly containerHours: number
  readonly alerts: number
  /** Of severity `medium` and above. */
  readonly grave: number
  /** Alerts of each guardrail. */
  readonly guardrails?: Readonly<Record<string, number>>
  /** How often the alerts were repeated, in all. */
  readonly repeats: number
  /** Helpings that failed. */
  readonly failures: readonly string[]
}

export interface ProtocolResult {
  readonly profile: LearnedProfile
  readonly learningFailures: readonly string[]
  /** Alerts of guardrails while it learned: these hold from the start. Absent in older results. */
  readonly learningAlerts?: number
  readonly first?: Judged
  readonly second?: Judged
  /** Cards that wait for a person after the first version was judged, and how many the second version adds. */
  readonly cards?: number
  readonly upgradeCards?: number
  /** Lines of the second version's delta. */
  readonly delta?: number
}

export interface AttackRow {
  readonly name: string
  readonly tactic: Tactic
  readonly technique: string
  /** In mode alert its effect occurred; otherwise the kernel refuses it anyway and it does not count. */
  readonly works: boolean
  readonly detected: boolean
  readonly named: boolean
  /** Whether the alerts that name it have its technique as an id; absent in older results. */
  readonly id?: TechniqueFit
  /** In mode block: whether it was alerted on and whether its effect occurred. Only for attacks that work. */
  readonly block?: { readonly detected: boolean; readonly happened: boolean; readonly end: string }
  readonly failure?: string
}

/** The alerts on a development service, by cause. For held-out services they are not kept. */
export interface Finding {
  readonly protocol: Protocol
  readonly version: 'first' | 'second' | 'delta' | 'block'
  readonly actor: string
  readonly access: string
  readonly folder: string
  readonly severity: string
  readonly count: number
  readonly sample: string
}

export interface ServiceResult {
  readonly service: string
  readonly kind: Kind
  readonly column: Column
  readonly at: string
  readonly commit: string
  readonly roundSeconds: number
  readonly protocols: Partial<Record<Protocol, ProtocolResult>>
  readonly attacks: readonly AttackRow[]
  /** Alerts on events of the service itself that blocking stopped. */
  readonly block?: Judged
  /** Of the daemon at the end, with all services of the batch. */
  readonly residentMiB?: number
  readonly batch: readonly string[]
  readonly findings: readonly Finding[]
  readonly failures: readonly string[]
}

/**
 * A file for each service. A partial result has another file name, so that an aborted run loses neither its own results
 * nor those of an earlier run.
 */
export function saveResult(folder: string, result: ServiceResult): void {
  mkdirSync(folder, { recursive: true })
  const [whole, part] = ['json', 'part'].map((end) => join(folder, `${result.service}.${end}`))
  if (whole === undefined || part === undefined) return
  writeFileSync(`${part}.draft`, `${JSON.stringify(result, undefined, 2)}\n`)
  renameSync(`${part}.draft`, part)
  if (result.residentMiB !== undefined) renameSync(part, whole)
}

/** Complete results, and the partial ones of the other services. */
export function loadResults(folder: string): readonly ServiceResult[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).sort()
  return names
    .filter((name) => name.endsWith('.json') || isOnly(name, names))
    .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ServiceResult)
}

function isOnly(name: string, names: readonly string[]): boolean {
  return name.endsWith('.part') && !names.includes(name.replace(/part$/, 'json'))
}

/** Whether every part of the result is present. */
export function isComplete(
  { protocols: by, attacks, block }: ServiceResult,
  names: readonly Protocol[],
): boolean {
  const isJudged = names.every(
    (name) => by[name]?.first !== undefined && by[name].second !== undefined,
  )
  return isJudged && attacks.length > 0 && block !== undefined
}
