import { z } from 'zod'
import { bundleOf, bundleType, envelopeInBundle } from '../attest/bundle.ts'
import { type Envelope, parseEnvelope } from '../attest/dsse.ts'
import type { Predicate } from '../attest/statement.ts'
import type { Attachment } from '../attest/verify.ts'
import { SnugError } from '../../errors.ts'
import type { ImageAddress } from './image-address.ts'
import { type Descriptor, digestOf, manifestTypes, type RegistryClient } from './registry-client.ts'

const envelopeType = 'application/vnd.dsse.envelope.v1+json'
const emptyType = 'application/vnd.oci.empty.v1+json'
const predicateKey = 'in-toto.io/predicate-type'
const bundlePredicateKey = 'dev.sigstore.bundle.predicateType'
/** Of layers under the tag where cosign before its bundles has attestations. */
const layerPredicateKey = 'predicateType'

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
const manifest = z.looseObject({
  layers: z.array(descriptor),
  annotations: z.record(z.string(), z.string()).optional(),
})

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
 * Attaches an envelope to an image, in a bundle as cosign finds it: as a referrer, and where the registry does not maintain their list, in the index
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
  const text = JSON.stringify(bundleOf(envelope))
  const layer = await registry.putBlob(repository, textBytes(text), bundleType)
  const annotations = {
    'org.opencontainers.image.created': made,
    'dev.sigstore.bundle.content': 'dsse-envelope',
    [bundlePredicateKey]: type,
    [predicateKey]: type,
  }
  const bytes = textBytes(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: manifestTypes.manifest,
      artifactType: bundleType,
      config: empty,
      layers: [layer],
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
      artifactType: bundleType,
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
 * is the newest. Those of Snug and of cosign: bundles and envelopes as referrers, and the layers under cosign's tag.
 *
 * Errors: REGISTRY_FAILED; ATTESTATION_INVALID for an invalid list, and for one with too many
 */
export async function* attached(
  registry: RegistryClient,
  repository: string,
  subject: string,
  { type }: Pick<Predicate<unknown>, 'type'>,
): AsyncGenerator<Attachment> {
  const listed = (await referrersOf(registry, repository, subject)).filter((one) =>
    mayHave(one, type),
  )
  const stated = new Set(
    listed.flatMap(({ digest, annotations }) =>
      predicateOf(annotations) === type ? [digest] : [],
    ),
  )
  const digests = new Set(listed.map(({ digest }) => digest))
  const layers = await layersOfCosign(registry, repository, subject, type)
  const count = digests.size + layers.size
  if (count > attachmentsRead) {
    const what = `${count} attachments of one kind, and at most ${attachmentsRead} are read`
    throw new SnugError(
      'ATTESTATION_INVALID',
      `the image has ${what}: remove those that are not yours`,
    )
  }
  let left = bytesRead
  const within = ({ attachment, bytes }: Found): Attachment => {
    left -= bytes
    if (left >= 0) return attachment
    const what = `attachments of more than ${bytesRead} bytes`
    throw new SnugError(
      'ATTESTATION_INVALID',
      `the image has ${what}: remove those that are not yours`,
    )
  }
  for (const digest of digests) {
    const found = await attachmentAt(
      registry,
      repository,
      digest,
      stated.has(digest) ? undefined : type,
    )
    if (found !== undefined) yield within(found)
  }
  for (const digest of layers) {
    yield within(await envelopeIn(registry, repository, { digest, mediaType: envelopeType }))
  }
}

interface Listed {
  readonly artifactType?: string | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/**
 * True where a list states the predicate, or does not state what is attached: some clients write no annotations to
 * the list that stands in for the registry's.
 */
function mayHave({ artifactType, annotations }: Listed, type: string): boolean {
  const stated = predicateOf(annotations)
  if (stated !== undefined) return stated === type
  return artifactType === undefined || unstatedTypes.has(artifactType)
}

const unstatedTypes = new Set<string>([bundleType, emptyType])

function predicateOf(annotations: Listed['annotations']): string | undefined {
  return annotations?.[predicateKey] ?? annotations?.[bundlePredicateKey]
}

/** Digests of the layers with that predicate under the tag of cosign, without those of strangers' kinds. */
async function layersOfCosign(
  registry: RegistryClient,
  repository: string,
  subject: string,
  type: string,
): Promise<ReadonlySet<string>> {
  const found = await registry.manifest(repository, `${fallbackTag(subject)}.att`)
  const parsed = manifest.safeParse(found === undefined ? undefined : jsonOf(found.bytes))
  const layers = (parsed.data?.layers ?? []).filter(({ mediaType, annotations }) => {
    return mediaType === envelopeType && annotations?.[layerPredicateKey] === type
  })
  return new Set(layers.map(({ digest }) => digest))
}

async function referrersOf(registry: RegistryClient, repository: string, subject: string) {
  const own = await registry.referrers(repository, subject)
  if (own !== undefined) return own.flatMap(manifestsOf)
  const tagged = await registry.manifest(repository, fallbackTag(subject))
  return tagged === undefined ? [] : manifestsOf(tagged.bytes)
}

interface Found {
  readonly attachment: Attachment
  readonly bytes: number
}

/**
 * One of them, or why it is invalid: a stranger's attachment must not hide a valid one. Undefined where its manifest
 * has to state a predicate, and does not. Errors: REGISTRY_FAILED
 */
async function attachmentAt(
  registry: RegistryClient,
  repository: string,
  digest: string,
  type: string | undefined,
): Promise<Found | undefined> {
  try {
    const found = await registry.manifest(repository, digest)
    const parsed = manifest.safeParse(found === undefined ? undefined : jsonOf(found.bytes))
    if (!parsed.success) return invalid(digest)
    const { layers, annotations } = parsed.data
    if (type !== undefined && predicateOf(annotations) !== type) return undefined
    const layer = layers.find(({ mediaType }) => isEnvelope(mediaType))
    return layer === undefined ? invalid(digest) : await envelopeIn(registry, repository, layer)
  } catch (error) {
    if (isItsOwn(error)) return invalid(digest)
    throw error
  }
}

/** Errors: REGISTRY_FAILED */
async function envelopeIn(
  registry: RegistryClient,
  repository: string,
  { digest, mediaType }: Pick<Descriptor, 'digest' | 'mediaType'>,
): Promise<Found> {
  try {
    const bytes = await registry.blob(repository, digest)
    if (bytes === undefined) return invalid(digest)
    const value = jsonOf(bytes)
    const attachment = mediaType === envelopeType ? parseEnvelope(value) : envelopeInBundle(value)
    return { attachment, bytes: bytes.length }
  } catch (error) {
    if (isItsOwn(error)) return invalid(digest)
    throw error
  }
}

function invalid(digest: string): Found {
  const what = `what is attached as ${digest} is not an envelope`
  return { attachment: new SnugError('ATTESTATION_INVALID', what), bytes: 0 }
}

function isEnvelope(mediaType: string): boolean {
  return mediaType === envelopeType || mediaType === bundleType
}

/** The fault of what was attached, and not of the registry. */
function isItsOwn(error: unknown): boolean {
  return error instanceof SnugError && error.code !== 'REGISTRY_FAILED'
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

/** Content that is not JSON is neither a manifest nor a config. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown
  } catch {
    return undefined
  }
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
