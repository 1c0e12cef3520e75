import { z } from 'zod'
import type { View } from '../core/view.ts'
import { containerRef, event, imageRef, workloadRef } from '../core/event/event-schema.ts'
import { count, maybe, text, texts } from './view-parts.ts'

/** What a list has of a case. Plain data: it is stored. */
export const caseSummary = z.object({
  id: text,
  /** `collecting`: what follows is still to come. `cut`: the agent ended before. */
  state: z.enum(['collecting', 'complete', 'cut']),
  /** RFC 3339 UTC */
  time: text,
  node: text,
  by: text,
  reason: text,
  /** Id of the alert that it was captured for. */
  alert: maybe,
  container: containerRef,
  image: imageRef.exactOptional(),
  workload: workloadRef.exactOptional(),
  /** Of the compressed file. */
  bytes: count,
  sha256: text,
  /** Id of the key that signed the file: SHA-256 of its public part; absent: nobody did. */
  signedBy: maybe,
})
export type CaseSummary = View<typeof caseSummary>

const caseSocket = z.object({
  protocol: z.enum(['tcp', 'udp']),
  local: text,
  remote: text,
  state: text,
})
export type CaseSocket = View<typeof caseSocket>

/** A process of the container while it was captured. */
const caseProcess = z.object({
  /** As the host counts. */
  pid: count,
  ppid: count,
  uid: count,
  gid: count,
  /** RFC 3339 UTC */
  started: text,
  exe: text,
  args: texts,
  cwd: text,
  /** Open files, as the kernel names them. */
  files: texts,
  /** Code that is mapped, beside the program. */
  mapped: texts,
  sockets: z.array(caseSocket),
})
export type CaseProcess = View<typeof caseProcess>

/** A file that the container made or changed, or a program without a file that runs. */
const capturedFile = z.object({
  path: text,
  bytes: count,
  mode: count,
  /** RFC 3339 UTC */
  changed: text,
  /** Of the whole file; absent where it was not read. */
  sha256: maybe,
  /** Why its content is not in the case. */
  omitted: maybe,
})
export type CapturedFile = View<typeof capturedFile>

/** A case without the contents of its files. */
export const caseView = caseSummary.extend({
  /** Of the version when it was captured. */
  profile: z.object({ state: text, mode: text, revision: count }).exactOptional(),
  processes: z.array(caseProcess),
  files: z.array(capturedFile),
  /** The last events before the capture, oldest first. */
  before: z.array(event),
  /** Those within a minute of it. */
  after: z.array(event),
  /** What is missing, and why. */
  notes: texts,
})
export type CaseView = View<typeof caseView>

/** The compressed file of a case. */
export const caseFileView = z.object({
  name: text,
  sha256: text.meta({ description: 'of the compressed file, as the audit log has it' }),
  content: text.meta({ description: 'compressed NDJSON, in base64' }),
  signature: z
    .object({
      payloadType: text,
      payload: text,
      signatures: z.array(z.object({ keyid: maybe, sig: text })),
    })
    .exactOptional()
    .meta({ description: 'DSSE envelope with an in-toto statement about the file' }),
})
export type CaseFileView = View<typeof caseFileView>
