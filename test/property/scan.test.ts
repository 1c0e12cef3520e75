import fc from 'fast-check'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { SnugError } from '../../src/errors.ts'
import { readImageArchive } from '../../src/supplychain/image/image-archive.ts'
import { InstalledPackages } from '../../src/supplychain/image/image-packages.ts'
import { ImageTree, type LayerEntry } from '../../src/supplychain/image/image-tree.ts'
import { joinScan } from '../../src/ci/scan/join.ts'
import { openVex } from '../../src/ci/scan/openvex.ts'
import { parseReport } from '../../src/ci/scan/parse-report.ts'
import { profile, savedImage, layers, trivy } from '../fixtures/scan-fixtures.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { anyText } from '../fixtures/any-text.ts'

const keys = [
  'SchemaVersion Results Metadata Vulnerabilities VulnerabilityID PkgName PkgPath matches vulnerability artifact',
  'id name version locations path runs tool driver rules results ruleId message text bomFormat components affects ref',
  'vulnerabilities spdxVersion packages files relationships SPDXID properties value fix versions severity ratings',
].flatMap((line) => line.split(' '))
const leaf = fc.oneof(
  fc.string(),
  anyText(),
  fc.integer(),
  fc.constantFrom(null, true, 'CycloneDX'),
)
const json = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...keys), tie('any'), { maxKeys: 6 }),
  ),
})).any

const orCoded = <T>(work: () => T): T | undefined => {
  try {
    return work()
  } catch (error) {
    expect(error).toBeInstanceOf(SnugError)
    return undefined
  }
}

it('no report breaks the reader, the join or OpenVEX: it is read or refused by code', () => {
  const root = fc.dictionary(
    fc.constantFrom(
      'SchemaVersion',
      'Results',
      'matches',
      'runs',
      'bomFormat',
      'components',
      'vulnerabilities',
      'spdxVersion',
      'packages',
    ),
    json,
  )
  fc.assert(
    fc.property(fc.oneof(json, root), (value) => {
      const report = orCoded(() => parseReport(value))
      if (report === undefined) return
      const scan = joinScan({ image: 'x', reports: [report], profile, shaper })
      expect(scan.findings.length).toBeLessThanOrEqual(report.findings.length)
      const { image } = profile
      openVex(scan, { image, observed: image, time: '2026-11-24T14:00:00Z', version: '1' })
    }),
    { numRuns: 300 },
  )
})

it('the broken part of a report is counted and reported, and the rest is read', () => {
  const text = JSON.stringify(trivy)
  const whole = parseReport(trivy).findings.length
  fc.assert(
    fc.property(fc.nat(text.length - 1), leaf, (at, value) => {
      // Replaces one value of the text, where it starts one.
      const broken =
        text.slice(0, at) +
        text.slice(at).replace(/"(?:[^"\\]|\\.)*"(?=[,}\]])/, () => JSON.stringify(value))
      const report = orCoded(() => parseReport(JSON.parse(broken)))
      if (report !== undefined)
        expect(report.findings.length + report.rejected).toBeGreaterThanOrEqual(whole - 6)
    }),
    { numRuns: 200 },
  )
})

it('an archive with bytes changed, or cut, is read or refused by code, and never hangs', async () => {
  const archive = await savedImage(layers)
  const folder = mkdtempSync('/tmp/snug-archive-')
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'image.tar')
  writeFileSync(file, archive)
  await readImageArchive(file)
  let refused = 0
  await fc.assert(
    fc.asyncProperty(
      fc.nat(archive.length - 1),
      fc.nat(255),
      fc.boolean(),
      async (at, byte, cut) => {
        const bytes = Buffer.from(cut ? archive.subarray(0, at) : archive)
        if (!cut) bytes[at] = byte
        writeFileSync(file, bytes)
        try {
          const { tree } = await readImageArchive(file)
          new InstalledPackages(tree).node('lodash')
          new InstalledPackages(tree).os('nginx')
        } catch (error) {
          expect(error).toMatchObject({ code: 'IMAGE_INVALID' })
          // A mistake of Snug is no refusal, whatever code it got on its way.
          for (let at: unknown = error; at instanceof Error; at = at.cause)
            expect(at).not.toBeInstanceOf(TypeError)
          refused += 1
        }
      },
    ),
    { numRuns: 60 },
  )
  expect(refused).toBeGreaterThan(0)
})

it('links of an image lead nowhere but into it, and to an end', () => {
  const name = fc.constantFrom('a', 'b', 'c', '..', '.wh.a', '.wh..wh..opq')
  const path = fc
    .array(name, { minLength: 1, maxLength: 4 })
    .map((parts) => `/${parts.filter((part) => part !== '..').join('/')}`)
  const entry: fc.Arbitrary<LayerEntry> = fc.record({
    path,
    kind: fc.constantFrom('file', 'link', 'hard-link', 'folder'),
    target: fc.array(name, { maxLength: 4 }).map((parts) => parts.join('/')),
  })
  fc.assert(
    fc.property(
      fc.array(fc.array(entry, { maxLength: 8 }), { maxLength: 3 }),
      path,
      (all, asked) => {
        const tree = new ImageTree()
        for (const layer of all) tree.addLayer(layer)
        for (const known of [asked, ...tree.filesIn('/')]) {
          expect(tree.resolve(known)).toMatch(/^\/(?!.*(?:^|\/)\.\.(?:\/|$))/)
          expect(tree.placeOf(known)).toMatch(/^\//)
        }
      },
    ),
  )
})
