import { GrafeasBook, type GrafeasDocument, type GrafeasOptions } from '../export/grafeas.ts'
import type { Envelope } from './dsse.ts'

/** The signed statement and its kind: `profile`, `gate`. */
export interface SignedPart {
  readonly what: string
  readonly envelope: Envelope
}

/** Signed statements, unchanged, so that any reader can verify them again. */
export function attestationGrafeas(
  parts: readonly SignedPart[],
  options: GrafeasOptions,
): GrafeasDocument {
  const book = new GrafeasBook(options)
  for (const { what, envelope } of parts) {
    const note = { id: `snug-attested-${what}`, kind: 'DSSE_ATTESTATION' } as const
    book.note({
      ...note,
      shortDescription: `a ${what} that Snug attested`,
      details: { hint: { humanReadableName: `snug ${what}` } },
    })
    book.occurrence(note, { envelope: withStandardBase64(envelope) })
  }
  return book.document()
}

/** DSSE allows both alphabets, the JSON of Grafeas asks for the usual one. */
function withStandardBase64({ payload, payloadType, signatures }: Envelope): Envelope {
  const usual = (text: string): string => text.replaceAll('-', '+').replaceAll('_', '/')
  return {
    payloadType,
    payload: usual(payload),
    signatures: signatures.map((one) => ({ ...one, sig: usual(one.sig) })),
  }
}
