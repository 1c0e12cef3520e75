import { z } from 'zod'
import { path } from './value-schema.ts'

/** Signers with a certificate instead of a key. */
export const keylessSchema = z
  .strictObject({
    root: path.optional().meta({
      description:
        'trusted root of Sigstore (JSON file): the authorities, logs and clocks that prove who signed and when',
    }),
    signers: z
      .array(
        z.strictObject({
          identity: z.string().min(1).max(2_000).meta({
            description: 'identity in the certificate; `*` stands for any characters but `/`',
          }),
          issuer: z.string().min(1).max(2_000).meta({
            description: 'issuer of tokens that the certificate names, exactly',
          }),
        }),
      )
      .max(100)
      .default([])
      .meta({
        description:
          'trusted signers without a key, each an `identity` and its `issuer` of tokens; `*` in an identity stands for any characters but `/`. Loaded at start',
      }),
  })
  .refine(({ root, signers }) => (root !== undefined) === signers.length > 0, {
    message: 'needs `root` and `signers` together',
  })
