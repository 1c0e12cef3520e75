import { sign, verify } from 'node:crypto'
import { expect, it } from 'vitest'
import { ImageRegistry } from '../../../src/ci/admission/image-registry.ts'
import { judgeImage } from '../../../src/ci/admission/judge-image.ts'
import { bundleType } from '../../../src/supplychain/attest/bundle.ts'
import { base64Of, inTotoType, pae } from '../../../src/supplychain/attest/dsse.ts'
import { gatePredicate, statementText } from '../../../src/supplychain/attest/statement.ts'
import type { TrustedKey } from '../../../src/supplychain/attest/verify.ts'
import { digestOf, manifestTypes } from '../../../src/supplychain/registry/registry-client.ts'
import { gateOf, requirements } from '../../fixtures/admission-fixtures.ts'
import { withServer } from '../../fixtures/http-places.ts'
import { keyPair } from '../../fixtures/key-pair.ts'

/** Someone with push access attaches what they like to an image whose newest gate is shut. */
const { publicKey, privateKey } = keyPair()
const key: TrustedKey = {
  id: 'ab'.repeat(32),
  verifies: (message, signature) => verify(null, message, publicKey, signature),
}
const envelopeType = 'application/vnd.dsse.envelope.v1+json'
const predicateKey = 'in-toto.io/predicate-type'

/** An image in a registry that keeps lists of referrers, in pages of ten. */
class TestRegistry {
  readonly contents = new Map<string, string>()
  readonly referrers: object[] = []
  readonly subject = this.put({ config: { digest: this.put({}) }, layers: [] })

  put(value: unknown): string {
    const text = JSON.stringify(value)
    const digest = digestOf(Buffer.from(text))
    this.contents.set(digest, text)
    return digest
  }

  /** Attaches an envelope; `created` is what the one who attaches claims. */
  attach(envelope: unknown, created: string): void {
    const layer = { mediaType: envelopeType, digest: this.put(envelope), size: 1 }
    const digest = this.put({ layers: [layer], at: this.referrers.length })
    const annotations = {
      'org.opencontainers.image.created': created,
      [predicateKey]: gatePredicate.type,
    }
    this.referrers.push({ mediaType: manifestTypes.manifest, digest, size: 1, annotations })
  }

  /** As cosign attaches a bundle where the registry keeps no list: the list has no annotations. */
  attachBundle(envelope: unknown, type: string): void {
    const bundle = {
      mediaType: bundleType,
      verificationMaterial: { publicKey: { hint: key.id } },
      dsseEnvelope: envelope,
    }
    const layer = { mediaType: bundleType, digest: this.put(bundle), size: 1 }
    const annotations = { 'dev.sigstore.bundle.predicateType': type }
    const digest = this.put({ layers: [layer], annotations, at: this.referrers.length })
    const artifactType = 'application/vnd.oci.empty.v1+json'
    this.referrers.push({ mediaType: manifestTypes.manifest, digest, size: 1, artifactType })
  }

  /** As cosign 2 attaches envelopes: layers under a tag. */
  attachLayers(...envelopes: readonly (readonly [unknown, string])[]): void {
    const layers = envelopes.map(([envelope, predicateType]) => {
      const annotations = { predicateType, 'dev.cosignproject.cosign/signature': '' }
      return { mediaType: envelopeType, digest: this.put(envelope), size: 1, annotations }
    })
    const digest = this.put({ layers })
    this.contents.set(`${this.subject.replace(':', '-')}.att`, this.contents.get(digest) ?? '')
  }

  gate(passed: boolean, made: string, created = made): void {
    this.attach(this.envelope(passed, made), created)
  }

  /** `statementType`: of another version of in-toto's statement. */
  envelope(passed: boolean, made: string, statementType?: string) {
    const content = { ...gateOf(passed), findings: [] }
    const subject = { name: 'shop/web', digest: this.subject }
    const own = statementText(gatePredicate, subject, { content, made }, '1')
    const text = JSON.stringify({
      ...JSON.parse(own),
      ...(statementType === undefined ? {} : { _type: statementType }),
    })
    const payload = new TextEncoder().encode(text)
    const sig = base64Of(sign(null, pae(inTotoType, payload), privateKey))
    return { payloadType: inTotoType, payload: base64Of(payload), signatures: [{ sig }] }
  }

  /** The faults of the image, as the webhook finds them. */
  faults(): Promise<readonly string[]> {
    return withServer(
      ({ pathname, searchParams }, response) => {
        const name = decodeURIComponent(pathname.split('/').at(-1) ?? '')
        if (!pathname.includes('/referrers/')) {
          const found = this.contents.get(name)
          response.writeHead(found === undefined ? 404 : 200).end(found)
          return
        }
        const from = Number(searchParams.get('from') ?? 0)
        const next = from + 100
        const link = `<${pathname}?from=${next}>; rel="next"`
        response.writeHead(200, {
          'content-type': manifestTypes.index,
          ...(next < this.referrers.length ? { link } : {}),
        })
        response.end(JSON.stringify({ manifests: this.referrers.slice(from, next) }))
      },
      async (host) => {
        const images = { ...requirements, profile: false }
        const registry = new ImageRegistry({ signers: { keys: [key] }, plainHttp: [host], images })
        const at = { host, repository: 'shop/web', digest: this.subject }
        return judgeImage((await registry.evidence(at)) ?? {}, images).faults
      },
    )
  }
}

const [old, recent, later] = [
  '2026-01-01T00:00:00Z',
  '2026-11-01T00:00:00Z',
  '2099-01-01T00:00:00Z',
]

it('an old open gate that is attached again does not outrank the newer shut one', async () => {
  const image = new TestRegistry()
  image.gate(true, old)
  image.gate(false, recent)
  image.gate(true, old, later)
  expect(await image.faults()).toEqual(['its gate is shut: 2 findings need a decision'])
})

it('a newer open gate counts, in whatever order they are listed', async () => {
  const image = new TestRegistry()
  image.gate(true, recent, old)
  image.gate(false, old, later)
  expect(await image.faults()).toEqual([])
})

it('junk does not hide the shut gate, also over several pages', async () => {
  const image = new TestRegistry()
  image.gate(true, old)
  for (let at = 0; at < 150; at++) image.attach({ junk: at }, later)
  image.gate(false, recent)
  expect(await image.faults()).toEqual(['its gate is shut: 2 findings need a decision'])
})

it('more junk than is read makes the image untrusted, not its oldest gate trusted', async () => {
  const image = new TestRegistry()
  image.gate(true, old)
  for (let at = 0; at < 300; at++) image.attach({ junk: at }, later)
  image.gate(false, recent)
  const [fault] = await image.faults()
  expect(fault).toMatch(/302 attachments of one kind.*ATTESTATION_INVALID/)
})

const older = 'https://in-toto.io/Statement/v0.1'

it('what cosign attaches as a bundle counts, also where a list states no predicate', async () => {
  const image = new TestRegistry()
  image.gate(true, old)
  image.attachBundle({ junk: 1 }, 'https://example.org/sbom')
  image.attachBundle(image.envelope(false, recent, older), gatePredicate.type)
  expect(await image.faults()).toEqual(['its gate is shut: 2 findings need a decision'])
})

it('what cosign attaches as a layer counts, the layers of other kinds do not', async () => {
  const image = new TestRegistry()
  image.gate(false, old)
  image.attachLayers(
    [{ junk: 1 }, 'https://example.org/sbom'],
    [{ junk: 2 }, gatePredicate.type],
    [image.envelope(true, recent, older), gatePredicate.type],
  )
  expect(await image.faults()).toEqual([])
})

it('a bundle that was changed names its key by the hint', async () => {
  const image = new TestRegistry()
  const { payload } = image.envelope(true, old)
  image.attachBundle({ ...image.envelope(true, recent), payload }, gatePredicate.type)
  expect(await image.faults()).toEqual([expect.stringContaining('SIGNATURE_BROKEN')])
})
