/**
 * Why the host's kernel does not see what a container does, as far as it is known. `own-kernel`: another kernel serves its
 * system calls. `unproven`: nobody listed its runtime, and no process of it has been found that runs a program of its
 * root file system.
 */
export interface Blindness {
  readonly why: 'own-kernel' | 'unproven'
  /** As the engine reports it. */
  readonly runtime: string
}

/** Of a version: its containers of that kind that run, or have ended within the floor of a window. */
export interface BlindContainers {
  readonly running: number
  readonly of: number
  readonly reasons: readonly string[]
}

/** What the state of a version may be shown as: it promises nothing for containers that nobody sees. */
export function stateShown<State extends string>(
  state: State,
  isBlind: boolean,
): State | 'incomplete' {
  return state === 'enforced' && isBlind ? 'incomplete' : state
}

/** The reason of the loss that a blind container is. */
export const containerBlind = 'container-blind'

export function blindnessText({ why, runtime }: Blindness): string {
  return why === 'own-kernel'
    ? `the runtime \`${runtime}\` has its own kernel`
    : `the runtime \`${runtime}\` is unknown, and no process of the container is proven to run on this kernel`
}

/** A sentence for people. */
export function blindText({ running, of, reasons }: BlindContainers): string {
  const which =
    running === 0
      ? 'containers that ended a short while ago were blind'
      : `${running} of ${of} running containers ${running === 1 ? 'is' : 'are'} blind`
  return `${which}: ${reasons.join(', and ')}`
}
