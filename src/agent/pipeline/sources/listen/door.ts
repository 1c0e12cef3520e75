import type { ErrorCode } from '../../../../errors.ts'

/**
 * Reads everything that a peer sends; the name is for the log. Resolves once it is judged; never
 * rejects.
 */
export type TakePeer = (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<PeerCount>

export interface PeerCount {
  /** Events that were judged. */
  readonly accepted: number
  /** Lines that were no valid events. */
  readonly rejected: number
  /** The first of them, for the answer to the sender. */
  readonly first?: { readonly code: ErrorCode; readonly message: string }
  /** False: the agent stopped before it took everything. */
  readonly whole: boolean
}

/** A listener for peers. */
export interface Door {
  /** A path or a URL, with the assigned port if the config has port 0. */
  readonly place: string
  /**
   * Connections that are open, that were accepted in total, and that were refused over the limit.
   */
  readonly counts: { readonly open: number; readonly accepted: number; readonly refused: number }
  /** Errors: `LISTEN_FAILED`, and other failures to open. */
  open(): Promise<void>
  /** Resolves once all peers have disconnected. */
  close(): Promise<void>
}

/** Each peer may hold a line of 1 MiB, so more peers could fill the memory. */
export const mostPeers = 256
