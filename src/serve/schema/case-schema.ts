import { z } from 'zod'
import type { CapturedFile, CaseProcess, CaseSocket, CaseSummary } from '../../core/case/case.ts'
import type { CaseFileView, CaseView } from '../../api/case-views.ts'
import { containerRef, event, imageRef, workloadRef } from '../../api/event-schema.ts'

const text = z.string()
const texts = z.array(text)
const count = z.number()

const facts = {
  id: text,
  state: z.enum(['collecting', 'complete', 'cut']),
  time: text,
  node: text,
  by: text,
  reason: text,
  alert: text.exactOptional(),
  container: containerRef,
  image: imageRef.exactOptional(),
  workload: workloadRef.exactOptional(),
  bytes: count,
  sha256: text,
}
export const summary = z.object(facts) as unknown as z.ZodType<CaseSummary>

const socket: z.ZodType<CaseSocket> = z.object({
  protocol: z.enum(['tcp', 'udp']),
  local: text,
  remote: text,
  state: text,
})
const process: z.ZodType<CaseProcess> = z.object({
  pid: count,
  ppid: count,
  uid: count,
  gid: count,
  started: text,
  exe: text,
  args: texts,
  cwd: text,
  files: texts,
  mapped: texts,
  sockets: z.array(socket),
})
const captured: z.ZodType<CapturedFile> = z.object({
  path: text,
  bytes: count,
  mode: count,
  changed: text,
  sha256: text.exactOptional(),
  omitted: text.exactOptional(),
})
export const story = z.object({
  ...facts,
  profile: z.object({ state: text, mode: text, revision: count }).exactOptional(),
  processes: z.array(process),
  files: z.array(captured),
  before: z.array(event),
  after: z.array(event),
  notes: texts,
}) as unknown as z.ZodType<CaseView>

export const file: z.ZodType<CaseFileView> = z.object({
  name: text,
  sha256: text.meta({ description: 'of the compressed file, as the audit log has it' }),
  content: text.meta({ description: 'compressed NDJSON, in base64' }),
})
