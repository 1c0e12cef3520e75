import type { Alert } from '../event/alert.ts'
import type { ContainerRef, ImageRef, SnugEvent, WorkloadRef } from '../event/event.ts'

/** `collecting`: what follows is still to come. `cut`: the agent ended before. */
export type CaseState = 'collecting' | 'complete' | 'cut'

/** What a list has of a case. Plain data: it is stored. */
export interface CaseSummary {
  readonly id: string
  readonly state: CaseState
  /** RFC 3339 UTC */
  readonly time: string
  readonly node: string
  readonly by: string
  readonly reason: string
  /** Id of the alert that it was captured for. */
  readonly alert?: string
  readonly container: ContainerRef
  readonly image?: ImageRef
  readonly workload?: WorkloadRef
  /** Of the compressed file. */
  readonly bytes: number
  readonly sha256: string
}

/** One line of a case file: compressed NDJSON. The first line is the head. */
export type CaseLine =
  | CaseHead
  | { readonly type: 'process'; readonly process: CaseProcess }
  | { readonly type: 'event'; readonly when: 'before' | 'after'; readonly event: SnugEvent }
  | { readonly type: 'file'; readonly file: CapturedFile }
  /** The contents of files follow in parts of at most {@link partBytes}, in base64. */
  | {
      readonly type: 'content'
      readonly path: string
      readonly part: number
      readonly data: string
    }
  | { readonly type: 'note'; readonly text: string }

export interface CaseHead {
  readonly type: 'case'
  readonly schema: 'snug.case/v1'
  readonly id: string
  readonly time: string
  readonly node: string
  readonly by: string
  readonly reason: string
  readonly container: ContainerRef
  readonly image?: ImageRef
  readonly workload?: WorkloadRef
  /** Of the version when it was captured. */
  readonly profile?: { readonly state: string; readonly mode: string; readonly revision: number }
  readonly alert?: Alert
}

/** A process of the container while it was captured. */
export interface CaseProcess {
  /** As the host counts. */
  readonly pid: number
  readonly ppid: number
  readonly uid: number
  readonly gid: number
  /** RFC 3339 UTC */
  readonly started: string
  readonly exe: string
  readonly args: readonly string[]
  readonly cwd: string
  /** Open files, as the kernel names them. */
  readonly files: readonly string[]
  /** Code that is mapped, beside the program. */
  readonly mapped: readonly string[]
  readonly sockets: readonly CaseSocket[]
}

export interface CaseSocket {
  readonly protocol: 'tcp' | 'udp'
  readonly local: string
  readonly remote: string
  readonly state: string
}

/** A file that the container made or changed, or a program without a file that runs. */
export interface CapturedFile {
  readonly path: string
  readonly bytes: number
  readonly mode: number
  /** RFC 3339 UTC */
  readonly changed: string
  /** Of the whole file; absent where it was not read. */
  readonly sha256?: string
  /** Why its content is not in the case. */
  readonly omitted?: string
}

/** Of the content of a file in one line. */
export const partBytes = 262_144

export const caseBounds = {
  /** Bytes of one file. */
  fileBytes: 8 * 1_048_576,
  /** Bytes of all files of a case. */
  filesBytes: 16 * 1_048_576,
  files: 200,
  /** Names that are looked at, to find what was changed. */
  names: 5_000,
  processes: 512,
  /** Files and mappings of one process. */
  perProcess: 256,
  /** Events after the capture. */
  eventsAfter: 1_024,
  afterMs: 60_000,
  /** All cases of a node. */
  cases: 100,
  casesBytes: 268_435_456,
  ageMs: 30 * 86_400_000,
} as const
