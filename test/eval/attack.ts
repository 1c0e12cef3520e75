import { lstatSync, readFileSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import type { Call, Doing } from './door.ts'
import type { Alert } from './snug.ts'

export const techniqueFits = ['exact', 'family', 'other', 'none'] as const
/** Whether the ids of alerts have a technique, another one of its family, only others, or none. */
export type TechniqueFit = (typeof techniqueFits)[number]

export function techniqueFit(technique: string, ids: readonly string[]): TechniqueFit {
  const family = technique.slice(0, 5)
  if (ids.includes(technique)) return 'exact'
  if (ids.some((id) => id.startsWith(family))) return 'family'
  return ids.length > 0 ? 'other' : 'none'
}

/** The columns of ATT&CK for containers, and discovery's neighbours. */
export const tactics = [
  'execution',
  'persistence',
  'privilege escalation',
  'stealth',
  'credential access',
  'discovery',
  'command and control',
  'impact',
] as const
export type Tactic = (typeof tactics)[number]

export interface AttackSetting {
  /** The service's own folder, as the container sees it. */
  readonly data: string
  /** A file of the service's there; absent where it has none. */
  readonly file?: string
  /** The machine of the attacker. */
  readonly address: string
  readonly port: number
}

export type FileLook = Pick<Stats, 'mode' | 'size' | 'mtimeMs'>

/** The state outside the container, inspected before and after an attack. */
export interface Look {
  readonly stat: (path: string) => FileLook | undefined
  readonly text: (path: string) => string
  readonly received: number
}

/** An attack. All attacks run on every service; none is written for one service. */
export interface Attack {
  readonly name: string
  readonly tactic: Tactic
  readonly technique: string
  readonly calls: (setting: AttackSetting) => readonly Call[]
  /** Whether its effect exists: in the container's files, at the attacker's machine, or in the results of the calls. */
  readonly happened: (doing: Doing, before: Look, after: Look, setting: AttackSetting) => boolean
  /** The alert that names this attack and no other. */
  readonly named: (alert: Alert, setting: AttackSetting) => boolean
  /** Paths that it leaves; the evaluation removes them from outside before the next attack. */
  readonly leaves?: readonly string[]
}

/** Root of the container's files, as this machine sees it. */
export function lookInto(root: string, received: number): Look {
  const seen = new Map<string, Stats | undefined>()
  return {
    stat: (path) => {
      if (!seen.has(path)) seen.set(path, lstatSync(join(root, path), { throwIfNoEntry: false }))
      return seen.get(path)
    },
    text: (path) => {
      try {
        return readFileSync(join(root, path), 'utf8')
      } catch {
        return ''
      }
    },
    received,
  }
}

/** Matches an alert that names the object of the attack, in any member. */
export function mentions(kind: string, what: string | RegExp): Attack['named'] {
  return ({ event, behaviour, ...rest }) => {
    if (event.kind !== kind) return false
    const text = JSON.stringify([event, behaviour, (rest as { samples?: unknown }).samples])
    return typeof what === 'string'
      ? text.includes(JSON.stringify(what).slice(1, -1))
      : what.test(text)
  }
}
