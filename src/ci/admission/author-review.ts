import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { type Author, timeAfter } from '../../core/lifecycle/author.ts'

const apiVersion = 'admission.k8s.io/v1'
const kind = 'AdmissionReview'

/** As a client writes it: the author is added here. */
const claim = { by: z.string().optional(), at: z.string().optional() }
/** As it is stored. */
const author = { by: z.string(), at: z.iso.datetime() }
const mode = { value: z.string() }
const decision = { behaviour: z.string(), action: z.string(), reason: z.string().optional() }
const hold = {
  id: z.string(),
  level: z.string(),
  pod: z.string().optional(),
  container: z.string().optional(),
  until: z.string(),
  reason: z.string(),
}

const closing = {
  id: z.string(),
  incident: z.string(),
  title: z.string(),
  reason: z.string(),
  alerts: z.array(z.unknown()),
}

const release = { reason: z.string().optional() }

function profileWith<By extends typeof claim | typeof author>(by: By) {
  return z.looseObject({
    spec: z.looseObject({
      mode: z.looseObject({ ...mode, ...by }).optional(),
      decisions: z.array(z.looseObject({ ...decision, ...by })).optional(),
      holds: z
        .array(
          z.looseObject({
            ...hold,
            ...by,
            released: z.looseObject({ ...release, ...by }).optional(),
          }),
        )
        .optional(),
      closings: z.array(z.looseObject({ ...closing, ...by })).optional(),
    }),
  })
}

const review = z.looseObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  request: z.looseObject({
    uid: z.string().min(1).max(256),
    resource: z.looseObject({
      group: z.literal('snug.dev'),
      resource: z.literal('imageprofiles'),
    }),
    operation: z.enum(['CREATE', 'UPDATE']),
    userInfo: z.looseObject({ username: z.string().min(1) }),
    object: profileWith(claim),
    // One of an earlier definition has no authors to keep.
    oldObject: profileWith(author).nullish().catch(undefined),
  }),
})

interface Operation {
  readonly op: 'add'
  readonly path: string
  readonly value: string
}

/**
 * The answer to a review of an ImageProfile: a patch that writes author and time into each decision that is new in it,
 * or changed. What the client wrote as its author does not count.
 *
 * @param consoleNamespaces where the service account `snug-console` is the console: anybody may have that name elsewhere
 *
 * Errors: BODY_INVALID
 */
export function authorAnswer(
  value: unknown,
  consoleNamespaces: readonly string[],
  nowMs = Date.now(),
): object {
  const parsed = review.safeParse(value)
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.map(String).join('.') ?? ''
    throw new SnugError('BODY_INVALID', `it is not a ${kind} of an ImageProfile: \`${where}\``)
  }
  const { uid, userInfo, object, oldObject } = parsed.data.request
  const isConsole = consoleNamespaces.some(
    (namespace) => userInfo.username === `system:serviceaccount:${namespace}:snug-console`,
  )
  const at = new Date(nowMs).toISOString()
  const patch: Operation[] = []
  const { mode: newMode, decisions = [], holds = [], closings = [] } = object.spec
  const oldMode = oldObject?.spec.mode
  if (newMode !== undefined) {
    const isSame = newMode.value === oldMode?.value
    stamp('/spec/mode', newMode, oldMode, isSame)
  }
  const before = new Map(oldObject?.spec.decisions?.map((each) => [each.behaviour, each]))
  for (const [i, each] of decisions.entries()) {
    const old = before.get(each.behaviour)
    const isSame = each.action === old?.action && each.reason === old.reason
    stamp(`/spec/decisions/${i}`, each, old, isSame)
  }
  const held = new Map(oldObject?.spec.holds?.map((each) => [each.id, each]))
  for (const [i, each] of holds.entries()) {
    const old = held.get(each.id)
    stamp(`/spec/holds/${i}`, each, old, isSameHold(each, old))
    if (each.released === undefined) continue
    const isSame = each.released.reason === old?.released?.reason
    stamp(`/spec/holds/${i}/released`, each.released, old?.released, isSame)
  }
  const closed = new Map(oldObject?.spec.closings?.map((each) => [each.id, each]))
  for (const [i, each] of closings.entries()) {
    const old = closed.get(each.id)
    stamp(`/spec/closings/${i}`, each, old, isSameClosing(each, old))
  }
  const patched = { patchType: 'JSONPatch', patch: base64(JSON.stringify(patch)) }
  const response = { uid, allowed: true, ...(patch.length === 0 ? {} : patched) }
  return { apiVersion, kind, response }

  /** One that stays as it was keeps its author. Git applies it again and again: with an older time, or with none. */
  function stamp(
    path: string,
    { by = '', at: when }: z.infer<z.ZodObject<typeof claim>>,
    old: Author | undefined,
    isSame: boolean,
  ): void {
    const isKept = isSame && old !== undefined && Date.parse(when ?? old.at) <= Date.parse(old.at)
    const now = isKept ? old : { by: nameOf(by), at: timeAfter(old, at) }
    if (by !== now.by) patch.push({ op: 'add', path: `${path}/by`, value: now.by })
    if (when !== now.at) patch.push({ op: 'add', path: `${path}/at`, value: now.at })
  }

  /** The console has authenticated the person in whose name it writes. No other client of the cluster is asked. */
  function nameOf(claimed: string): string {
    return isConsole && claimed.startsWith('console:') ? claimed : `user:${userInfo.username}`
  }
}

type WrittenHold = z.infer<z.ZodObject<typeof hold>> & { readonly released?: object | undefined }

/** Who takes the release of a hold out orders it. */
function isSameHold(a: WrittenHold, b: WrittenHold | undefined): boolean {
  return (
    (b?.released === undefined || a.released !== undefined) &&
    a.level === b?.level &&
    a.pod === b.pod &&
    a.container === b.container &&
    a.until === b.until &&
    a.reason === b.reason
  )
}

type WrittenClosing = z.infer<z.ZodObject<typeof closing>>

function isSameClosing(a: WrittenClosing, b: WrittenClosing | undefined): boolean {
  return (
    a.incident === b?.incident &&
    a.title === b.title &&
    a.reason === b.reason &&
    isDeepStrictEqual(a.alerts, b.alerts)
  )
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
