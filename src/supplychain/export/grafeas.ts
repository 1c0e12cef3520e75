/** A note: one per kind of thing, for all images: a vulnerability, a rule, a signer. */
export type GrafeasKind = 'VULNERABILITY' | 'DISCOVERY' | 'COMPLIANCE' | 'DSSE_ATTESTATION'

/**
 * Notes and occurrences of Grafeas v1 as JSON: `notes` is that of `BatchCreateNotesRequest`, by id, and `occurrences` that
 * of `BatchCreateOccurrencesRequest`.
 */
export interface GrafeasDocument {
  readonly notes: Readonly<Record<string, object>>
  readonly occurrences: readonly object[]
}

export interface GrafeasOptions {
  /** The owner of the notes: they are named `projects/PROJECT/notes/…`. */
  readonly project: string
  /** The image, as it is named in its registry. */
  readonly image: string
}

/** The member of a note or an occurrence that holds its type. */
const members = {
  VULNERABILITY: 'vulnerability',
  DISCOVERY: 'discovery',
  COMPLIANCE: 'compliance',
  DSSE_ATTESTATION: 'dsseAttestation',
} as const satisfies Record<GrafeasKind, string>

export interface GrafeasNote {
  /** Of any text: characters that a name may not have are encoded. */
  readonly id: string
  readonly kind: GrafeasKind
  readonly shortDescription: string
  readonly details: object
}

/** Gathers them for one image. */
export class GrafeasBook {
  readonly #options: GrafeasOptions
  readonly #notes = new Map<string, object>()
  readonly #occurrences: object[] = []

  constructor(options: GrafeasOptions) {
    this.#options = options
  }

  /** One of the same id takes the place of the one before. */
  note({ id, kind, shortDescription, details }: GrafeasNote): void {
    this.#notes.set(encodeURIComponent(id), {
      name: this.#nameOf(id),
      shortDescription,
      kind,
      [members[kind]]: details,
    })
  }

  /** That a note is about this image. */
  occurrence(
    { id, kind }: Pick<GrafeasNote, 'id' | 'kind'>,
    details: object,
    more: { readonly remediation?: string } = {},
  ): void {
    this.#occurrences.push({
      resourceUri: `https://${this.#options.image}`,
      noteName: this.#nameOf(id),
      kind,
      ...more,
      [members[kind]]: details,
    })
  }

  document(): GrafeasDocument {
    return { notes: Object.fromEntries(this.#notes), occurrences: this.#occurrences }
  }

  #nameOf(id: string): string {
    return `projects/${encodeURIComponent(this.#options.project)}/notes/${encodeURIComponent(id)}`
  }
}
