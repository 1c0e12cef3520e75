import { z } from 'zod'
import { SnugError } from '../../errors.ts'
import { parseProfileDocument, type ProfileDocument } from '../export/profile-document.ts'
import { type AttestedGate, parseGateResult } from '../findings/parse-result.ts'

export const statementType = 'https://in-toto.io/Statement/v1'
/** What cosign 2 signs; of the same shape. */
const olderType = 'https://in-toto.io/Statement/v0.1'

/** A kind of statement about an image. */
export interface Predicate<Content> {
  readonly type: string
  /** Where in the predicate it is. */
  readonly member: string
  readonly parse: (value: unknown) => Content
}

/** Observed behaviour of the image. */
export const profilePredicate: Predicate<ProfileDocument> = {
  type: 'urn:snug:predicate:profile:v1',
  member: 'profile',
  parse: parseProfileDocument,
}

/** The gate's result for the image. */
export const gatePredicate: Predicate<AttestedGate> = {
  type: 'urn:snug:predicate:gate:v1',
  member: 'gate',
  parse: parseGateResult,
}

export interface Statement<Content> {
  /** `sha256:…` of the image's manifest. */
  readonly digests: readonly string[]
  readonly content: Content
  /** RFC 3339 */
  readonly made: string
  /** Until then it is to be trusted; absent: without end. */
  readonly expires?: string
}

/** The payload to sign, as JSON: an in-toto Statement v1 about an image's manifest or a file. */
export function statementText<Content>(
  { type, member }: Predicate<Content>,
  subject: { readonly name: string; readonly digest: string },
  { content, made, expires }: Omit<Statement<Content>, 'digests'>,
  version: string,
): string {
  return JSON.stringify({
    _type: statementType,
    subject: [{ name: subject.name, digest: { sha256: subject.digest.replace(/^sha256:/, '') } }],
    predicateType: type,
    predicate: {
      made: { at: made, by: `snug ${version}` },
      ...(expires === undefined ? {} : { expires }),
      [member]: content,
    },
  })
}

const moment = z.iso.datetime()
const statement = z.looseObject({
  _type: z.literal([statementType, olderType]),
  subject: z
    .array(z.looseObject({ digest: z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) }))
    .min(1),
  predicateType: z.string(),
  predicate: z.looseObject({
    made: z.looseObject({ at: moment }),
    expires: moment.optional(),
  }),
})

/** Errors: ATTESTATION_INVALID; those of the predicate for its content */
export function parseStatement<Content>(
  { type, member, parse }: Predicate<Content>,
  value: unknown,
): Statement<Content> {
  const parsed = statement.safeParse(value)
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? ''
    throw new SnugError('ATTESTATION_INVALID', `\`${where}\` is not what a statement has`)
  }
  const { subject, predicateType, predicate } = parsed.data
  if (predicateType !== type) {
    throw new SnugError('ATTESTATION_INVALID', `its \`predicateType\` is not \`${type}\``)
  }
  const { made, expires, [member]: content } = predicate
  return {
    digests: subject.map(({ digest }) => `sha256:${digest.sha256}`),
    content: parse(content),
    made: made.at,
    ...(expires === undefined ? {} : { expires }),
  }
}
