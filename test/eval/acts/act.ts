import type { Alert } from '../../../src/core/event/alert.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'

/** The columns of ATT&CK for containers, and discovery's neighbours. */
export const tactics = [
  'execution',
  'persistence',
  'privilege escalation',
  'defence evasion',
  'credential access',
  'discovery',
  'lateral movement',
  'command and control',
  'impact',
] as const

export type Tactic = (typeof tactics)[number]

export interface EvalAct {
  readonly name: string
  readonly tactic: Tactic
  readonly technique: string
  /** Whose process does it. */
  readonly via: 'redis' | 'postgres' | 'gunicorn'
  /** A redis command, an SQL statement, or Python. */
  readonly does: readonly string[]
  /** The alert that tells this act and no other. */
  readonly alerts: (alert: Alert) => boolean
  /** What is there, or is gone, in the container once it is done; absent: nothing that a look can tell. */
  readonly leaves?: { readonly path: string; readonly gone?: true }
}

/** Where the intruder's acts lead. */
export interface ActSetting {
  readonly hostAddress: string
  readonly hostPort: number
  /** Another container's address. */
  readonly neighbour: string
}

type ExecEvent = Extract<ActEvent, { kind: 'exec' }>

export function execOf(name: RegExp, script?: RegExp): EvalAct['alerts'] {
  return ({ event }) =>
    event.kind === 'exec' &&
    name.test(event.exec.path) &&
    (script === undefined || script.test((event as ExecEvent).exec.script ?? ''))
}

export function fileAt(path: string | RegExp): EvalAct['alerts'] {
  return ({ event }) =>
    event.kind === 'file' &&
    (typeof path === 'string' ? event.file.path === path : path.test(event.file.path))
}

export function connectTo(address: string, port?: number): EvalAct['alerts'] {
  return ({ event }) =>
    event.kind === 'connect' &&
    event.connect.address === address &&
    (port === undefined || event.connect.port === port)
}

export function callOf(name: RegExp): EvalAct['alerts'] {
  return ({ event }) =>
    (event.kind === 'syscall' && name.test(event.syscall.name)) ||
    (event.kind === 'capability' && name.test(event.capability.name))
}

export function anyOf(...many: readonly EvalAct['alerts'][]): EvalAct['alerts'] {
  return (alert) => many.some((one) => one(alert))
}
