import type { Command } from 'commander'
import { parseDuration } from '../../config/duration.ts'
import { statementText } from '../../attest/statement.ts'
import { SnugError } from '../../errors.ts'
import { documentText } from '../../export/profile-document.ts'
import { attach, imageOf } from '../../registry/attestations.ts'
import { mustHaveRegistry } from '../../registry/image-address.ts'
import { commandSigner, envelopeOf, fileSigner, type Signer } from '../../signing/keys.ts'
import type { CliContext } from '../cli-context.ts'
import { readProfileFile } from '../json-file.ts'
import { parseFor } from '../option-values.ts'
import { packageVersion } from '../package-version.ts'
import { textFields } from '../text-table.ts'
import { clientOf, verifiedProfile } from '../verified-profile.ts'
import { writeTextFile } from '../text-file.ts'

interface AttestOptions {
  readonly profile: string
  readonly key?: string
  readonly signWith?: string
  readonly for?: string
  readonly plainHttp?: true
}

interface VerifyOptions {
  readonly key: readonly string[]
  readonly out?: string
  readonly plainHttp?: true
}

const plainHttp = ['--plain-http', 'the registry has no TLS'] as const

export function attestCommands(program: Command, context: CliContext): void {
  program
    .command('attest')
    .description(
      'signs a profile as an in-toto statement about an image and attaches it to the image in its registry',
    )
    .argument('<image>', 'HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…, pushed already')
    .requiredOption('--profile <file>', 'made by `snug record`, of this very image')
    .option('--key <file>', 'private key, PEM: ECDSA over P-256 or Ed25519')
    .option(
      '--sign-with <command>',
      'a KMS: gets the message on standard input, prints the signature in base64',
    )
    .option(
      '--for <time>',
      'how long it is to be trusted, such as 90d; otherwise without end',
      parseFor,
    )
    .option(...plainHttp)
    .action(async (image: string, options: AttestOptions) => {
      const answer = await attest(image, options, signerOf(options))
      await context.print(answer, [answer], () =>
        textFields([
          ['image', answer.image],
          ['attached', answer.attestation],
          ['expires', answer.expires ?? 'never'],
        ]),
      )
    })

  program
    .command('verify')
    .description(
      'whether an image has a profile signed by a key that is trusted; exit 2 where it has none, or one that was changed, is of another image, by another key, or has ended',
    )
    .argument('<image>', 'HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…')
    .requiredOption('--key <file...>', 'public keys to trust, PEM')
    .option('--out <file>', 'writes the profile there, to be a baseline of `snug gate`')
    .option(...plainHttp)
    .action(async (image: string, options: VerifyOptions) => {
      const { subject, verified } = await verifiedProfile(image, options)
      const { keyId, made, expires, profile } = verified
      if (options.out !== undefined) writeTextFile(options.out, documentText(profile))
      const answer = { image: subject, keyId, made, expires, behaviours: profile.behaviours.length }
      await context.print(answer, [answer], () =>
        textFields([
          ['image', subject],
          ['signed by', keyId],
          ['made', made],
          ['expires', expires ?? 'never'],
          ['behaviours', String(profile.behaviours.length)],
        ]),
      )
    })
}

function signerOf({ key, signWith }: AttestOptions): Signer {
  if ((key === undefined) === (signWith === undefined)) {
    throw new SnugError('USAGE', 'either `--key` or `--sign-with`')
  }
  return key === undefined ? commandSigner(signWith ?? '') : fileSigner(key)
}

async function attest(image: string, options: AttestOptions, signer: Signer) {
  const address = mustHaveRegistry(image)
  const registry = clientOf(address.host, options.plainHttp)
  const profile = readProfileFile(options.profile)
  const { subject, digests } = await imageOf(registry, address)
  if (!digests.includes(profile.image.digest)) {
    const what = `the profile is of ${profile.image.digest}, the image is ${digests.join(', ')}`
    throw new SnugError('ATTESTATION_OF_ANOTHER', what)
  }
  const now = Date.now()
  const made = new Date(now).toISOString()
  const lasts = options.for === undefined ? undefined : parseDuration(options.for)
  const expires = lasts === undefined ? {} : { expires: new Date(now + lasts).toISOString() }
  const name = { repository: `${address.host}/${address.repository}`, digest: subject.digest }
  const text = statementText(name, { profile, made, ...expires }, packageVersion())
  const envelope = await envelopeOf(text, signer)
  const attestation = await attach(registry, address.repository, subject, envelope, made)
  return { image: `${name.repository}@${name.digest}`, attestation, made, ...expires }
}
