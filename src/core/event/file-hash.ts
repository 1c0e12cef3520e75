import type { ActEvent, ExecEvent, ExecutedFile, SnugEvent } from './event.ts'
import type { UnhashedReason } from './event-words.ts'
import { withChanges } from '../with-changes.ts'

/** The SHA-256 of what was executed, in hex; or why there is none. */
export type FileHash = { readonly sha256: string } | { readonly unhashed: UnhashedReason }

/** A file that was executed in an alert, and its hash. */
export type HashedFile = FileHash & { readonly path: string }

export const hashBounds = {
  /** Bytes of one file. */
  fileBytes: 64 * 1_048_576,
  /** Bytes of all files that are read in a minute. */
  minuteBytes: 256 * 1_048_576,
  /** Files that wait to be read. */
  waiting: 256,
  /** Files whose hash is remembered. */
  kept: 4_096,
  /** Of one alert, besides the first. */
  ofAlert: 16,
} as const

export type HashBounds = Readonly<Record<keyof typeof hashBounds, number>>

/** In milliseconds. */
export const hashPatience = {
  /** How long sinks wait for the hash of what was executed. */
  sinksMs: 1_000,
  /** The most that an answer of the sensor may take: it may have ended. */
  sensorMs: 2_000,
} as const

export type HashPatience = Readonly<Record<keyof typeof hashPatience, number>>

const unhashedTexts: Readonly<Record<UnhashedReason, string>> = {
  ended: 'the program ended, and its file is gone',
  changed: 'the file was changed since',
  uncertain: 'the file could have changed without a trace since it was executed',
  size: `the file has more than ${hashBounds.fileBytes} bytes`,
  budget: `files of ${hashBounds.minuteBytes} bytes were read in this minute`,
  queue: `${hashBounds.waiting} files wait to be read`,
  'file-system': 'the file is not on a disk of this host, or in its memory',
  unidentified: 'the sensor did not identify the file',
  unreadable: 'the file could not be read',
  'agent-ended': 'the agent ended before it was read',
}

/** The hash for people, or why there is none. */
export function hashText(hash: FileHash): string {
  return 'sha256' in hash ? hash.sha256 : `not computed: ${unhashedTexts[hash.unhashed]}`
}

/** What the image did not ship, the script of an execution or its program. */
export function foreignPath({ exec }: ExecEvent): string | undefined {
  if (exec.scriptDrift === true) return exec.script
  return exec.drift ? exec.path : undefined
}

/** Its hash can be had. */
export type HashedEvent = ExecEvent & { readonly exec: { readonly file: ExecutedFile } }

/** An execution of a file that the image did not ship, whose hash is still to come. */
export function awaitsHash(event: SnugEvent): event is HashedEvent {
  if (event.kind !== 'exec' || hashOf(event) !== undefined) return false
  const { file, scriptDrift = false } = event.exec
  return (
    file !== undefined && foreignPath(event) !== undefined && (file.script === true) === scriptDrift
  )
}

/** The event with that reason, where it is about a file that the image did not ship and nobody identified. */
export function withReason(event: ExecEvent): ExecEvent {
  const isLeft = foreignPath(event) !== undefined && hashOf(event) === undefined
  return isLeft && !awaitsHash(event) ? withHash(event, { unhashed: 'unidentified' }) : event
}

export function hashOf(event: SnugEvent): FileHash | undefined {
  if (event.kind !== 'exec') return undefined
  const { sha256, unhashed } = event.exec
  if (sha256 !== undefined) return { sha256 }
  return unhashed === undefined ? undefined : { unhashed }
}

/** What the event executed and the image did not ship, where its hash is known, or why it is not. */
export function hashedFileOf(event: SnugEvent): readonly HashedFile[] {
  const hash = hashOf(event)
  const path = event.kind === 'exec' ? foreignPath(event) : undefined
  return hash === undefined || path === undefined ? [] : [{ path, ...hash }]
}

export function withHash(event: ExecEvent, hash: FileHash): ExecEvent {
  return withChanges(event, { exec: { ...event.exec, ...hash } })
}

/** Names one execution: at one time a process executes one thing. */
export function executionOf({ container, process, time }: ActEvent): string {
  return `${container.id}/${process.pid}/${time}`
}
