import type { ActEvent } from '../../../src/core/event/event.ts'
import { act } from '../../fixtures/event-fixture.ts'

/** Each node of the process gets a container of the image, if it has none, in which these programs read a file. */
export interface Order {
  readonly digest: string
  readonly programs: readonly string[]
  /** Of the node alone: in node N there are N modulo this plus one programs of its own. */
  readonly own: number
}

/** A decision on one node; milliseconds since 1970. */
export interface Applied {
  /** The time that the decision names: no two have the same. */
  readonly at: string
  /** When the node had read the decision. */
  readonly receivedMs: number
  /** Absent: of a node that only reads. */
  readonly appliedMs?: number
}

/** The answers of a process of nodes. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'applied'; readonly applied: readonly Applied[] }
  | {
      readonly kind: 'done'
      /** Of the image, on the node with the fewest. */
      readonly behaviours: number
      readonly faults: readonly string[]
    }

export function nodeName(number: number): string {
  return `node-${String(number).padStart(4, '0')}`
}

/** Of letters: names that differ by a number only are one place. */
export function program(kind: string, number: number): string {
  const letters = String(number).replace(/[0-9]/g, (digit) => 'abcdefghij'[Number(digit)] ?? '')
  return `/opt/${kind}-${letters}/bin/${kind}-${letters}`
}

export function reads(exe: string): ActEvent {
  return act.file('/etc/web.conf', ['read'], { exe })
}
