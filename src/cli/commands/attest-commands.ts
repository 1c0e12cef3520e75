import type { Command } from 'commander'
import { attestationGrafeas } from '../../supplychain/attest/grafeas.ts'
import { parseDuration } from '../../support/config/duration.ts'
import {
  gatePredicate,
  type Predicate,
  profilePredicate,
  type Statement,
  statementText,
} from '../../supplychain/attest/statement.ts'
import { SnugError } from '../../errors.ts'
import { documentText } from '../../supplychain/export/profile-document.ts'
import { attach, imageOf, type RegistryImage } from '../../supplychain/registry/attestations.ts'
import { mustHaveRegistry } from '../../supplychain/registry/image-address.ts'
import { registryAt } from '../../supplychain/registry/trusted-fetch.ts'
import {
  commandSigner,
  envelopeOf,
  fileSigner,
  type Signer,
} from '../../supplychain/attest/keys.ts'
import type { CliContext } from '../cli-context.ts'
import { readGateResultFile, readProfileFile } from '../input/json-file.ts'
import { grafeasProjectOption, parseFor } from '../input/option-values.ts'
import { packageVersion } from '../../support/package-version.ts'
import { textFields } from '../output/text-table.ts'
import { signerFields } from '../output/signer-fields.ts'
import { type TrustOptions, verifiedProfile, withTrustOptions } from '../input/verified-profile.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { safeJson } from '../../support/safe-text.ts'

interface AttestOptions {
  readonly profile?: string
  readonly gate?: string
  readonly key?: string
  readonly signWith?: string
  readonly for?: string
  readonly grafeas?: string
  readonly grafeasProject: string
  readonly plainHttp?: true
}

interface VerifyOptions extends TrustOptions {
  readonly out?: string
}

const plainHttp = ['--plain-http', 'connects to the registry without TLS'] as const

export function attestCommands(program: Command, context: CliContext): void {
  program
    .command('attest')
    .description(
      'signs a profile, a gate result or both as in-toto statements, and attaches them to the image in its registry',
    )
    .argument('<image>', 'HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:… of a pushed image')
    .option('--profile <file>', 'output of `snug record` for exactly this image')
    .option('--gate <file>', 'output of `snug gate --write json=FILE` for exactly this image')
    .option('--key <file>', 'private key, PEM: ECDSA over P-256 or Ed25519')
    .option(
      '--sign-with <command>',
      'command of a KMS: reads the message from standard input and prints the signature in base64',
    )
    .option('--for <time>', 'validity, such as 90d; unlimited by default', parseFor)
    .option(
      '--grafeas <file>',
      'also writes the attached statements to this file, as notes and occurrences',
    )
    .addOption(grafeasProjectOption())
    .option(...plainHttp)
    .action(async (image: string, options: AttestOptions) => {
      const answer = await attest(image, options, signerOf(options))
      await context.print(answer, [answer], () =>
        textFields([
          ['image', answer.image],
          ...answer.attached.map(({ what, digest }): [string, string] => [what, digest]),
          ['expires', answer.expires ?? 'never'],
        ]),
      )
    })

  const verify = program
    .command('verify')
    .description(
      'verifies the attested profile of an image. Exits with 2 if it is missing, changed, expired, of another image, or not signed by a trusted key or identity',
    )
    .argument('<image>', 'HOST/REPOSITORY:TAG or HOST/REPOSITORY@sha256:…')
  withTrustOptions(verify)
    .option('--out <file>', 'writes the profile to this file, as a baseline for `snug gate`')
    .option(...plainHttp)
    .action(async (image: string, options: VerifyOptions) => {
      const { subject, verified } = await verifiedProfile(image, options)
      const { signer, made, expires, content: profile } = verified
      if (options.out !== undefined) writeOutputFile(options.out, documentText(profile))
      const behaviours = profile.behaviours.length
      const answer = { image: subject, ...signer, made, expires, behaviours }
      await context.print(answer, [answer], () =>
        textFields([
          ['image', subject],
          ...signerFields(signer),
          ['made', made],
          ['expires', expires ?? 'never'],
          ['behaviours', String(profile.behaviours.length)],
        ]),
      )
    })
}

function signerOf({ key, signWith }: AttestOptions): Signer {
  if ((key === undefined) === (signWith === undefined)) {
    throw new SnugError('USAGE', 'pass exactly one of `--key` and `--sign-with`')
  }
  return key === undefined ? commandSigner(signWith ?? '') : fileSigner(key)
}

/** Errors: ATTESTATION_OF_ANOTHER where one of them is not about the image; then nothing is attached. */
async function attest(name: string, options: AttestOptions, signer: Signer) {
  const address = mustHaveRegistry(name)
  const { host, repository } = address
  const profile = options.profile === undefined ? undefined : readProfileFile(options.profile)
  const gate = options.gate === undefined ? undefined : readGateResultFile(options.gate)
  if (profile === undefined && gate === undefined) {
    throw new SnugError('USAGE', 'pass `--profile`, `--gate` or both')
  }
  const registry = registryAt(host, options.plainHttp === true)
  const image = await imageOf(registry, address)
  if (profile !== undefined) mustBeOf(image, profile.image.digest, 'the profile is')
  if (gate !== undefined) mustBeOf(image, gate.digest, 'the gate was')
  const now = Date.now()
  const made = new Date(now).toISOString()
  const lasts = options.for === undefined ? undefined : parseDuration(options.for)
  const expires = lasts === undefined ? {} : { expires: new Date(now + lasts).toISOString() }
  const { digest } = image.subject
  const subject = { name: `${host}/${repository}`, digest }
  const put = async <Content>(predicate: Predicate<Content>, content: Content) => {
    const statement: Omit<Statement<Content>, 'digests'> = { content, made, ...expires }
    const text = statementText(predicate, subject, statement, packageVersion())
    const envelope = await envelopeOf(text, signer)
    const how = { type: predicate.type, made }
    const attached = await attach(registry, repository, image.subject, envelope, how)
    return { what: predicate.member, digest: attached, envelope }
  }
  // One after the other: where the registry keeps no list, each is added to the list that the one before left.
  const attached = profile === undefined ? [] : [await put(profilePredicate, profile)]
  if (gate !== undefined) attached.push(await put(gatePredicate, gate))
  const named = `${subject.name}@${digest}`
  if (options.grafeas !== undefined) {
    const about = { project: options.grafeasProject, image: named }
    const document = attestationGrafeas(attached, about)
    writeOutputFile(options.grafeas, `${safeJson(JSON.stringify(document, null, 2))}\n`)
  }
  const reported = attached.map(({ what, digest: of }) => ({ what, digest: of }))
  return { image: named, attached: reported, made, ...expires }
}

function mustBeOf({ digests }: RegistryImage, digest: string | undefined, what: string): void {
  if (digest !== undefined && digests.includes(digest)) return
  const its = digest ?? 'an image without a known digest'
  throw new SnugError(
    'ATTESTATION_OF_ANOTHER',
    `${what} of ${its}, the image is ${digests.join(', ')}`,
  )
}
