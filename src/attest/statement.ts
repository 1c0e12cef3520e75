import { z } from 'zod'
import { SnugError } from '../errors.ts'
import { parseProfileDocument, type ProfileDocument } from '../export/profile-document.ts'

const statementType = 'https://in-toto.io/Statement/v1'

/** The predicate: a profile, when it was made and until when it is to be trusted. */
export const profilePredicate = 'urn:snug:predicate:profile:v1'

export interface ProfileStatement {
  /** `sha256:…` of the image's manifest. */
  readonly digests: readonly string[]
  readonly profile: ProfileDocument
  /** RFC 3339 */
  readonly made: string
  readonly expires?: string
}

/** What is signed, as JSON: an in-toto Statement v1 about the image's manifest. */
export function statementText(
  subject: { readonly repository: string; readonly digest: string },
  { profile, made, expires }: Omit<ProfileStatement, 'digests'>,
  version: string,
): string {
  return JSON.stringify({
    _type: statementType,
    subject: [
      { name: subject.repository, digest: { sha256: subject.digest.replace(/^sha256:/, '') } },
    ],
    predicateType: profilePredicate,
    predicate: {
      made: { at: made, by: `snug ${version}` },
      ...(expires === undefined ? {} : { expires }),
      profile,
    },
  })
}

const moment = z.iso.datetime()
const statement = z.looseObject({
  _type: z.literal(statementType),
  subject: z
    .array(z.looseObject({ digest: z.looseObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }) }))
    .min(1),
  predicateType: z.literal(profilePredicate),
  predicate: z.looseObject({
    made: z.looseObject({ at: moment }),
    expires: moment.optional(),
    profile: z.unknown(),
  }),
})

/** Errors: ATTESTATION_INVALID; PROFILE_INVALID for the profile in it */
export function parseStatement(value: unknown): ProfileStatement {
  const parsed = statement.safeParse(value)
  if (!parsed.success) {
    const where = parsed.error.issues[0]?.path.join('.') ?? ''
    throw new SnugError('ATTESTATION_INVALID', `\`${where}\` is not what a profile's statement has`)
  }
  const { subject, predicate } = parsed.data
  const { made, expires, profile } = predicate
  return {
    digests: subject.map(({ digest }) => `sha256:${digest.sha256}`),
    profile: parseProfileDocument(profile),
    made: made.at,
    ...(expires === undefined ? {} : { expires }),
  }
}
