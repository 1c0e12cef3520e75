import { z } from 'zod'
import { type Envelope, parseEnvelope } from '../attest/dsse.ts'
import type { Predicate } from '../attest/statement.ts'
import type { Attachment } from '../attest/verify.ts'
import { SnugError } from '../../errors.ts'
import type { ImageAddress } from './image-address.ts'
import { type Descriptor, digestOf, manifestTypes, type RegistryClient } from './registry-client.ts'

const envelopeType = 'application/vnd.dsse.envelope.v1+json'
const emptyType = 'application/vnd.oci.empty.v1+json'
const artifactType = envelopeType
const predicateKey = 'in-toto.io/predicate-type'

/** Strangers may attach any number. Beyond these limits no attachment counts: else strangers would choose which does. */
const attachmentsRead = 256
const bytesRead = 256 << 20

const descriptor = z.looseObject({
  mediaType: z.string(),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  size: z.int().min(0),
  artifactType: z.string().optional(),
  annotations: z.record(z.string(), z.string()).optional(),
})
const index = z.looseObject({ manifests: z.array(descriptor) })
const manifest = z.looseObject({ layers: z.array(descriptor) })

export interface RegistryImage {
  readonly subject: Descriptor
  /** Of the manifest, and of the config in it, which is the image's id. */
  readonly digests: readonly string[]
}

/** Errors: IMAGE_UNKNOWN, REGISTRY_FAILED */
export async function imageOf(
  registry: RegistryClient,
  { host, repository, reference }: ImageAddress,
): Promise<RegistryImage> {
  const found = await registry.manifest(repository, reference)
  if (found === undefined) {
    throw new SnugError('IMAGE_UNKNOWN', `\`${host}\` has no \`${repository}\` by \`${reference}\``)
  }
  const { descriptor: subject, bytes } = found
  const config = z.looseObject({ config: descriptor }).safeParse(jsonOf(bytes))
  const { digest } = subject
  return { subject, digests: config.success ? [digest, config.data.config.digest] : [digest] }
}

/**
 * Attaches an envelope to an image: as a referrer, and where the registry does not maintain their list, in the index
 * under the tag for it. Returns the digest of the attachment.
 */
export async function attach(
  registry: RegistryClient,
  repository: string,
  subject: Descriptor,
  envelope: Envelope,
  { type, made }: { readonly type: string; readonly made: string },
): Promise<string> {
  const empty = await registry.putBlob(repository, textBytes('{}'), emptyType)
  const layer = await registry.putBlob(
    repository,
    textBytes(JSON.stringify(envelope)),
    envelopeType,
  )
  const annotations = { 'org.opencontainers.image.created': made, [predicateKey]: type }
  const bytes = textBytes(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestTypes.manifest,
      artifactType,
      config: empty,
      layers: [{ ...layer, annotations: { [predicateKey]: type } }],
      subject,
      annotations,
    }),
  )
  const digest = digestOf(bytes)
  const listed = await registry.putManifest(repository, digest, {
    mediaType: manifestTypes.manifest,
    bytes,
  })
  if (!listed) {
    const own = {
      mediaType: manifestTypes.manifest,
      digest,
      size: bytes.length,
      artifactType,
      annotations,
    }
    await putInIndex(registry, repository, subject.digest, own)
  }
  return digest
}

/** Read, changed and written: of two at once one may be lost, as the specification has it. */
async function putInIndex(
  registry: RegistryClient,
  repository: string,
  subject: string,
  own: Descriptor,
): Promise<void> {
  const tag = fallbackTag(subject)
  const known = await registry.manifest(repository, tag)
  const before = known === undefined ? [] : manifestsOf(known.bytes)
  const manifests = [...before.filter(({ digest }) => digest !== own.digest), own]
  const text = JSON.stringify({ schemaVersion: 2, mediaType: manifestTypes.index, manifests })
  await registry.putManifest(repository, tag, {
    mediaType: manifestTypes.index,
    bytes: textBytes(text),
  })
}

/**
 * The attachments of an image with that predicate, fetched one by one, and all of them: only what is signed states which
 * is the newest.
 *
 * Errors: REGISTRY_FAILED; ATTESTATION_INVALID for an invalid list, and for one with too many
 */
export async function* attached(
  registry: RegistryClient,
  repository: string,
  subject: string,
  { type }: Pick<Predicate<unknown>, 'type'>,
): AsyncGenerator<Attachment> {
  const ofType = (await referrersOf(registry, repository, subject)).filter(
    ({ annotations }) => annotations?.[predicateKey] === type,
  )
  const digests = new Set(ofType.map(({ digest }) => digest))
  if (digests.size > attachmentsRead) {
    const what = `${digests.size} attachments of one kind, and at most ${attachmentsRead} are read`
    throw new SnugError(
      'ATTESTATION_INVALID',
      `the image has ${what}: remove those that are not yours`,
    )
  }
  let left = bytesRead
  for (const digest of digests) {
    const { attachment, bytes } = await envelopeAt(registry, repository, digest)
    left -= bytes
    if (left < 0) {
      const what = `attachments of more than ${bytesRead} bytes`
      throw new SnugError(
        'ATTESTATION_INVALID',
        `the image has ${what}: remove those that are not yours`,
      )
    }
    yield attachment
  }
}

async function referrersOf(registry: RegistryClient, repository: string, subject: string) {
  const own = await registry.referrers(repository, subject)
  if (own !== undefined) return own.flatMap(manifestsOf)
  const tagged = await registry.manifest(repository, fallbackTag(subject))
  return tagged === undefined ? [] : manifestsOf(tagged.bytes)
}

/** One of them, or why it is invalid: a stranger's attachment must not hide a valid one. Errors: REGISTRY_FAILED */
async function envelopeAt(
  registry: RegistryClient,
  repository: string,
  digest: string,
): Promise<{ readonly attachment: Attachment; readonly bytes: number }> {
  const what = `what is attached as ${digest} is not an envelope`
  const none = { attachment: new SnugError('ATTESTATION_INVALID', what), bytes: 0 }
  try {
    const found = await registry.manifest(repository, digest)
    const parsed = manifest.safeParse(found === undefined ? undefined : jsonOf(found.bytes))
    const layer = parsed.data?.layers.find(({ mediaType }) => mediaType === envelopeType)
    if (layer === undefined) return none
    const bytes = await registry.blob(repository, layer.digest)
    if (bytes === undefined) return none
    return { attachment: envelopeIn(bytes) ?? none.attachment, bytes: bytes.length }
  } catch (error) {
    const isItsOwn = error instanceof SnugError && error.code !== 'REGISTRY_FAILED'
    if (isItsOwn) return none
    throw error
  }
}

function envelopeIn(bytes: Uint8Array): Envelope | undefined {
  try {
    return parseEnvelope(jsonOf(bytes))
  } catch {
    return undefined
  }
}

function manifestsOf(bytes: Uint8Array) {
  const parsed = index.safeParse(jsonOf(bytes))
  if (!parsed.success) {
    // Anybody with push access can write it: that is no fault of the registry.
    throw new SnugError('ATTESTATION_INVALID', 'its list of referrers of the image is not an index')
  }
  return parsed.data.manifests
}

function fallbackTag(digest: string): string {
  return digest.replace(':', '-')
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
