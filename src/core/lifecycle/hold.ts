import { SnugError } from '../../errors.ts'

export const holdLevels = ['network', 'changes', 'freeze', 'stop'] as const
/**
 * What a held container cannot do. `network`: exchange packets with anybody else. `changes`: run a program, change a file or
 * open a connection. `freeze`: run at all. `stop`: its engine ends it.
 */
export type HoldLevel = (typeof holdLevels)[number]

/** Containers that a hold is for, also those that start during it. */
export type HoldTarget =
  | { readonly kind: 'container'; readonly id: string }
  | { readonly kind: 'pod'; readonly namespace?: string; readonly pod: string }
  /** `ref`: an IMAGE of the command line. */
  | { readonly kind: 'image'; readonly ref: string }

/** A person's order that keeps containers from acting. It ends by itself. */
export interface Hold {
  readonly id: string
  readonly level: HoldLevel
  readonly target: HoldTarget
  readonly by: string
  readonly reason: string
  /** Epoch milliseconds. */
  readonly since: number
  readonly until: number
  /** It was ordered for the whole fleet: on that version, with that id and end. */
  readonly shared?: { readonly ref: string; readonly id: string; readonly until: string }
  /** Such a one that a person of this node has released here. */
  readonly isReleased?: true
  /** It has ended, and a container of it may still be frozen. */
  readonly isOver?: true
}

/** What of its holds the kernel enforces in a container, until epoch milliseconds. */
export interface KernelHold {
  readonly network: boolean
  readonly changes: boolean
  readonly until: number
}

export const longestHoldMs = 7 * 86_400_000

/** Errors: DECISION_INVALID */
export function checkHoldLength(forMs: number): void {
  if (forMs > 0 && forMs <= longestHoldMs) return
  throw new SnugError('DECISION_INVALID', 'a hold lasts from `1s` to `7d`')
}

export const isByKernel = (level: HoldLevel): level is 'network' | 'changes' =>
  level === 'network' || level === 'changes'

/**
 * The kernel holds both parts until the later end. The agent sends it what is left as the earlier one ends; where no agent
 * runs then, the container is held for too long rather than too little.
 */
export function kernelHold(holds: readonly Hold[]): KernelHold | undefined {
  const inKernel = holds.filter(({ level }) => isByKernel(level))
  if (inKernel.length === 0) return undefined
  return {
    network: inKernel.some(({ level }) => level === 'network'),
    changes: inKernel.some(({ level }) => level === 'changes'),
    until: Math.max(...inKernel.map(({ until }) => until)),
  }
}

export function podText({
  namespace,
  pod,
}: {
  namespace?: string | undefined
  pod: string
}): string {
  return namespace === undefined ? pod : `${namespace}/${pod}`
}

/** One line, such as `container 40e58b946edd`. */
export function targetText(target: HoldTarget): string {
  switch (target.kind) {
    case 'container':
      return `container ${target.id.slice(0, 12)}`
    case 'pod':
      return `pod ${podText(target)}`
    case 'image':
      return `image ${target.ref}`
  }
}
