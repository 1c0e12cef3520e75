import type { ErrorCode } from '../../../errors.ts'

/** Reads all that a peer sends, whose name it gets for the log. Resolves once that is judged; never rejects. */
export type TakePeer = (name: string, chunks: AsyncIterable<Uint8Array>) => Promise<PeerCount>

export interface PeerCount {
  /** Events that were judged. */
  readonly accepted: number
  /** Lines that were none. */
  readonly rejected: number
  /** The first of them, for the answer to the sender. */
  readonly first?: { readonly code: ErrorCode; readonly message: string }
  /** False: the agent ends, and did not take everything. */
  readonly whole: boolean
}

/** Where peers come in. */
export interface Door {
  /** A path or a URL; of port 0 the one that it got. */
  readonly place: string
  /** Connections that are open, were accepted in all, and were turned away because there were too many. */
  readonly counts: { readonly open: number; readonly accepted: number; readonly refused: number }
  /** Errors: `LISTEN_FAILED`, and what else keeps it shut. */
  open(): Promise<void>
  /** Resolves once no peer is left. */
  close(): Promise<void>
}

/** Each may hold a line of 1 MiB: more would be a way to fill the memory. */
export const mostPeers = 256
