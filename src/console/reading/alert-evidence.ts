import { z } from 'zod'
import { objectLine } from '../../core/behaviour/describe.ts'
import { behaviourKey } from '../../core/behaviour/behaviour.ts'
import { plainObject } from '../../core/behaviour/subject.ts'
import type { BehaviourForm } from '../../core/event/alert.ts'
import { origins } from '../../core/event/event-words.ts'
import { entrySchema, hasOwnId } from '../../supplychain/export/entry-schema.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { AlertLog } from './alert-log.ts'
import type { KeptAlert } from './stream-record.ts'

/** What alerts have of behaviours that a decision is about. */
export interface AlertEvidence {
  /** By id: what events showed of it. */
  readonly forms: ReadonlyMap<string, readonly BehaviourForm[]>
  /** Those that a guardrail keeps in quarantine, as alerts without a decision have it. */
  readonly held: ReadonlySet<string>
}

/** Alerts that are read of one behaviour: each may have shown another name of one shape. */
export const alertsRead = 20
/** Messages that are read at the same time. */
const atOnce = 50

const text = z.string().max(20_000)
const namedSchema = z.looseObject({
  id: z.string(),
  text,
  form: z.looseObject({
    origin: z.enum(origins),
    literal: z
      .looseObject({
        text,
        values: z.array(text).max(1_000),
        subject: text.exactOptional(),
      })
      .exactOptional(),
  }),
})

/**
 * Of alerts in memory the whole ones, from the stream.
 *
 * Errors: ALERT_LOG_UNAVAILABLE.
 */
export async function alertEvidence(
  log: AlertLog,
  profile: string,
  ids: ReadonlySet<string>,
): Promise<AlertEvidence> {
  const counts = new Map<string, number>()
  const held = new Set<string>()
  const wanted: KeptAlert[] = []
  for (const alert of log.window.newestFirst()) {
    if (alert.profile !== profile) continue
    const named = alert.behaviours.filter((id) => ids.has(id))
    const isHeld = alert.guardrails.length > 0 && alert.decision === undefined
    if (isHeld) for (const id of named) held.add(id)
    if (named.every((id) => (counts.get(id) ?? 0) >= alertsRead)) continue
    for (const id of named) counts.set(id, (counts.get(id) ?? 0) + 1)
    wanted.push(alert)
  }
  const forms = new Map<string, BehaviourForm[]>()
  for (let from = 0; from < wanted.length; from += atOnce) {
    const some = wanted.slice(from, from + atOnce)
    const values = await Promise.all(some.map(({ seq }) => log.stream.message(seq)))
    for (const { id, form } of values.flatMap((message) => formsIn(message?.value))) {
      if (!ids.has(id)) continue
      const known = forms.get(id) ?? []
      forms.set(id, known)
      known.push(form)
    }
  }
  return { forms, held }
}

/**
 * The behaviours that an alert has in full. A node sends what it likes: a form counts where the id follows from it, and
 * the text that people read is its text.
 */
export function formsIn(
  value: unknown,
): readonly { readonly id: string; readonly form: BehaviourForm }[] {
  const { behaviour, samples } = Object(value) as Record<string, unknown>
  const named = [behaviour, ...(Array.isArray(samples) ? (samples as unknown[]) : [])]
  return named.flatMap((each) => {
    const parsed = namedSchema.safeParse(each)
    if (!parsed.success) return []
    const { id, text: shown } = parsed.data
    const form = parsed.data.form as unknown as BehaviourForm
    const { actor, uid, object } = form
    const entry = { schema: 'snug.behaviour/v1', id, actor, uid, object, cells: [] }
    if (!entrySchema.safeParse(entry).success || !hasOwnId(entry as unknown as ProfileEntry))
      return []
    const key = behaviourKey(actor, uid, object)
    const texts = [object, plainObject({ ...form, key })].map(objectLine)
    return texts.includes(shown) ? [{ id, form }] : []
  })
}
