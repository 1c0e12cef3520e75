import type { ImageProfileStatus } from './fleet-objects.ts'

/**
 * Which node writes the status of a version: the first by name of those with slices. Its counts are those of one node,
 * so two that wrote them would do so for ever.
 *
 * That node may be gone: its slices stay. So another node writes where the status lacks what nodes come to share, which
 * is state, mode and generation. It writes each of these once, and not before its second look, so that the first node
 * has its turn.
 */
export class StatusTurn {
  readonly #node: string
  /** Profile name → what this node had at its last look, and whether it wrote that. */
  readonly #looks = new Map<string, { readonly shared: string; readonly isWritten: boolean }>()

  constructor(node: string) {
    this.#node = node
  }

  /**
   * Whether this node writes its own status now, if it differs.
   *
   * @param name of the profile
   * @param publishers nodes with slices of it
   */
  isHere(
    name: string,
    publishers: Iterable<string>,
    own: ImageProfileStatus,
    status: ImageProfileStatus | undefined,
  ): boolean {
    if ([...publishers].sort()[0] === this.#node) return true
    const shared = sharedOf(own)
    const before = this.#looks.get(name)
    const isAgain = before?.shared === shared
    const writes = isAgain && !before.isWritten && shared !== sharedOf(status)
    this.#looks.set(name, { shared, isWritten: isAgain && (before.isWritten || writes) })
    return writes
  }

  forget(name: string): void {
    this.#looks.delete(name)
  }
}

function sharedOf(status: ImageProfileStatus | undefined): string {
  return JSON.stringify([status?.state, status?.mode, status?.observedGeneration])
}
