import type { SnugEvent } from '../../../core/event/event.ts'
import { judge, type JudgeOptions } from '../../../core/match/judge.ts'
import { behavioursOf } from '../../../core/behaviour/behaviour.ts'
import { actorText, objectLine } from '../../../core/behaviour/describe.ts'
import type { Profile } from '../../../core/profile/profile.ts'
import { EventLineParser, type ParsedLines } from '../sources/event-lines.ts'
import type { BackTestResult, BackTestRow, RejectedLine } from '../../../api/profile-views.ts'

/** Rejected lines that are listed in full. Further lines are only counted. */
const rejectedShown = 100
/** Distinct deviations that a back-test lists. */
const rowsShown = 1_000

export interface RecordedSummary {
  readonly events: number
  readonly rejectedCount: number
  readonly rejected: readonly RejectedLine[]
}

/**
 * Reads NDJSON events from chunks and passes them on in order, in small batches. It yields between
 * batches, so that the daemon can do other work.
 */
export async function readRecorded(
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  take: (events: readonly SnugEvent[], lines: readonly number[]) => void | Promise<void>,
): Promise<RecordedSummary> {
  const parser = new EventLineParser()
  const turn = new Turn()
  const rejected: RejectedLine[] = []
  let events = 0
  let rejectedCount = 0
  const took = async (parsed: ParsedLines): Promise<void> => {
    events += parsed.events.length
    rejectedCount += parsed.rejectedCount
    for (const line of parsed.rejected) if (rejected.length < rejectedShown) rejected.push(line)
    let at = 0
    for (const part of parts(parsed.events)) {
      await take(part, parsed.lines.slice(at, at + part.length))
      at += part.length
      await turn.over()
    }
  }
  for await (const chunk of chunks) {
    signal.throwIfAborted()
    await took(parser.push(chunk))
  }
  await took(parser.end())
  return { events, rejectedCount, rejected }
}

/** Judges recorded events against one profile and changes nothing. */
export async function backTest(
  profile: Profile,
  options: JudgeOptions,
  chunks: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<BackTestResult> {
  const rows = new Map<string, { row: BackTestRow; count: number }>()
  let expected = 0
  let deviations = 0
  let unprofiled = 0
  const summary = await readRecorded(chunks, signal, (events, lines) => {
    for (const [at, event] of events.entries()) {
      if (event.kind === 'loss') continue
      const refs = behavioursOf(event, profile.shaper)
      const verdict = judge(profile, event, refs, options)
      if (verdict.outcome === 'expected') {
        expected += 1
        continue
      }
      if (verdict.outcome === 'unprofiled') unprofiled += 1
      else deviations += 1
      for (const ref of verdict.unexpected) {
        const key = `${ref.key}\u0000${ref.origin}`
        const known = rows.get(key)
        if (known !== undefined) known.count += 1
        else if (rows.size < rowsShown) {
          const { actor, uid, object } = ref
          const who = { actor: actorText(actor), uid }
          const row = {
            text: objectLine(object),
            ...who,
            reasons: verdict.reasons,
            line: lines[at] ?? 0,
          }
          rows.set(key, { row: { ...row, outcome: verdict.outcome, count: 0 }, count: 1 })
        }
      }
    }
  })
  return {
    ...summary,
    expected,
    deviations,
    unprofiled,
    rows: [...rows.values()]
      .map(({ row, count }) => ({ ...row, count }))
      .sort((a, b) => b.count - a.count),
  }
}

const partSize = 64

/** A larger batch is judged in parts. */
function* parts<T>(batch: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < batch.length; at += partSize) {
    yield batch.length <= partSize ? batch : batch.slice(at, at + partSize)
  }
}

const turnMs = 2

/**
 * A turn of the event loop. It judges thousands of expected events, or some tens of events that
 * raise alerts. Between turns, the API answers and sinks receive their answers, even during a
 * flood.
 */
class Turn {
  #beganMs = performance.now()

  /** Continues in the next turn if the current one has lasted too long. */
  async over(): Promise<void> {
    if (performance.now() - this.#beganMs < turnMs) return
    await breathe()
    this.#beganMs = performance.now()
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
