import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import {
  authorsAnnotation,
  authorsIn,
  authorsText,
  decisionNames,
  type DecidedSpec,
} from '../../core/lifecycle/spec-names.ts'

const apiVersion = 'admission.k8s.io/v1'
const kind = 'AdmissionReview'
/** Of all annotations of an object the API server takes 256 KiB. */
const longestAnnotation = 192 << 10

const ids = z.array(z.string()).optional()
const profile = z.looseObject({
  metadata: z.looseObject({ annotations: z.record(z.string(), z.string()).nullish() }),
  spec: z.looseObject({
    mode: z.string().optional(),
    authority: z.string().optional(),
    approve: z
      .looseObject({ all: z.boolean().optional(), behaviours: ids, quarantined: ids })
      .optional(),
    reject: z.looseObject({ behaviours: ids }).optional(),
  }),
})
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
    object: profile,
    oldObject: profile.nullish(),
  }),
})

/**
 * The answer to a review of an ImageProfile: a patch that notes the user of each decision that is new in it. What the
 * client wrote into the annotation itself does not count.
 *
 * Errors: BODY_INVALID
 */
export function authorAnswer(value: unknown): object {
  const parsed = review.safeParse(value)
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.map(String).join('.') ?? ''
    throw new SnugError('BODY_INVALID', `it is not a ${kind} of an ImageProfile: \`${where}\``)
  }
  const { uid, userInfo, object, oldObject } = parsed.data.request
  const known = authorsIn(oldObject?.metadata.annotations?.[authorsAnnotation])
  const before = new Set(oldObject?.spec === undefined ? [] : decisionNames(specOf(oldObject)))
  const authors = new Map<string, string>()
  for (const name of decisionNames(specOf(object))) {
    // One from before the webhook has no author, and gets none by a later change of another.
    const author = before.has(name) ? known.get(name) : userInfo.username
    if (author !== undefined) authors.set(name, author)
  }
  const text = authors.size === 0 ? undefined : authorsText(authors)
  if (text !== undefined && Buffer.byteLength(text) > longestAnnotation) {
    const message = 'snug: too many decisions in one object: remove those that were applied'
    const status = { code: 403, reason: 'Forbidden', message }
    return { apiVersion, kind, response: { uid, allowed: false, status } }
  }
  const patch = patchOf(object.metadata.annotations ?? undefined, text)
  return {
    apiVersion,
    kind,
    response: {
      uid,
      allowed: true,
      ...(patch.length === 0
        ? {}
        : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }),
    },
  }
}

const specOf = ({ spec }: z.output<typeof profile>): DecidedSpec => spec as DecidedSpec

function patchOf(
  annotations: Readonly<Record<string, string>> | undefined,
  text: string | undefined,
): readonly object[] {
  const has = annotations?.[authorsAnnotation]
  if (has === text) return []
  const path = `/metadata/annotations/${authorsAnnotation.replace('/', '~1')}`
  if (text === undefined) return [{ op: 'remove', path }]
  if (annotations === undefined)
    return [{ op: 'add', path: '/metadata/annotations', value: { [authorsAnnotation]: text } }]
  return [{ op: 'add', path, value: text }]
}
