import { z } from 'zod'
import { plural } from '../../core/coverage/coverage.ts'
import { finish, type Steps } from '../../core/steps.ts'
import { describeBehaviour } from '../../core/behaviour/describe.ts'
import type { View } from '../../core/view.ts'
import type { Allowed, Exportable } from './allowed.ts'
import { byWhat, takesOf, togetherOf, type Together } from './root-take.ts'

export const rootVerdicts = ['not-root', 'need-not', 'needs', 'unknown'] as const
/**
 * `not-root`: nothing runs as root. `need-not`: something runs as root, and no event needed it. `needs`: an event
 * needed it. `unknown`: there is too little evidence for either.
 */
export type RootVerdict = (typeof rootVerdicts)[number]

const rootItem = z.object({
  take: z.string(),
  because: z.array(z.object({ id: z.string(), text: z.string() })),
})
/** One thing that another user would need, or that needs root, with its evidence. */
export type RootItem = View<typeof rootItem>

/** Whether containers of the image run as root, whether they need to, and the requirements for another user. */
export const rootNeedView = z.object({
  verdict: z.enum(rootVerdicts),
  /** The verdict as text, with the gaps in its evidence. */
  sentence: z.string(),
  /** Behaviour that needs root. */
  needs: z.array(rootItem),
  /** Requirements for another user. */
  takes: z.array(rootItem),
})
export type RootNeed = View<typeof rootNeedView>

/** Without these kinds of events a need of root may be unseen. */
const profiledKinds = ['file', 'identity', 'capability', 'syscall'] as const

/** Derived from observed behaviour only: modes of files, for one, are not observed. */
export function rootNeed(what: Exportable): RootNeed {
  return finish(rootNeedSteps(what))
}

/** {@link rootNeed} with pauses. */
export function* rootNeedSteps({ allowed, waiting, seen, doubts }: Exportable): Steps<RootNeed> {
  const acts = allowed.filter(isRoots)
  const waits = waiting.filter(isRoots)
  const together = togetherOf([...allowed, ...waiting], seen.kinds)
  const needs = yield* itemsOf(acts, 'needs', together)
  const takes = yield* itemsOf(acts, 'takes', together)
  const needsWaiting = yield* itemsOf(waits, 'needs', together)
  const unwatched = profiledKinds.filter((kind) => !seen.kinds.includes(kind))
  const where = seen.containers === 0 ? '' : ` in ${plural(seen.containers, 'container')}`
  const verdictOf = (verdict: RootVerdict, sentence: string): RootNeed => {
    return { verdict, sentence: [sentence, ...doubts].join('; '), needs, takes }
  }
  if (allowed.length === 0) return verdictOf('unknown', 'the user of its processes is unknown')
  if (needs.length > 0) {
    return verdictOf(
      'needs',
      `runs as root and needs it: ${needs.map(({ take }) => take).join('; ')}`,
    )
  }
  if (needsWaiting.length > 0) {
    const what = needsWaiting.map(({ take }) => take).join('; ')
    return verdictOf(
      'unknown',
      `runs as root, and needs it if what waits for review is right: ${what}`,
    )
  }
  if (unwatched.length > 0) {
    const what = acts.length === 0 ? 'nothing ran as root' : 'nothing that it did needs root'
    const kinds = unwatched.join(', ')
    return verdictOf(
      'unknown',
      `${what}${where} as far as was seen, but nobody watched for ${kinds}`,
    )
  }
  if (acts.length > 0) {
    const but =
      takes.length === 0 ? '' : `; another user would take ${plural(takes.length, 'thing')}`
    const more =
      waits.length === 0
        ? ''
        : `; ${plural(waits.length, 'act')} of root's ${waits.length === 1 ? 'waits' : 'wait'} for review`
    const sentence = `runs as root and need not: nothing that it did${where} needs root${but}${more}`
    return verdictOf('need-not', sentence)
  }
  return verdictOf('not-root', `does not run as root: nothing did${where}`)
}

/** For a terminal: the sentence, then each requirement with its reason. */
export function rootLines({ sentence, needs, takes }: RootNeed): readonly string[] {
  return [sentence, ...needs.map((item) => `needs root ${itemText(item)}`), ...takes.map(itemText)]
}

const becauseShown = 3

function itemText({ take, because }: RootItem): string {
  const shown = because.slice(0, becauseShown).map(({ text }) => text)
  const more = because.length - shown.length
  return `${take} (${[...shown, ...(more === 0 ? [] : [`and ${more} more`])].join('; ')})`
}

/** Done as root, or a step to it or from it. */
function isRoots({ uid, object }: Allowed): boolean {
  return uid === 0 || (object.kind === 'identity' && (object.from.uid === 0 || object.to.uid === 0))
}

function* itemsOf(
  acts: readonly Allowed[],
  kind: 'needs' | 'takes',
  together: Together,
): Steps<readonly RootItem[]> {
  const byTake = new Map<string, Map<string, string>>()
  for (const act of acts) {
    yield
    for (const take of takesOf(act, together)) {
      if (take.kind !== kind) continue
      const because = byTake.get(take.what) ?? new Map<string, string>()
      because.set(act.id, describeBehaviour(act))
      byTake.set(take.what, because)
    }
  }
  return [...byTake]
    .map(([take, because]) => ({
      take,
      because: [...because].map(([id, text]) => ({ id, text })),
    }))
    .sort(byWhat)
}
