import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { layers, profile, savedImage, trivy } from '../fixtures/scan-fixtures.ts'
import { startFixture } from '../fixtures/server-fixtures.ts'

let dir = ''
const at = (name: string): string => join(dir, name)
const files = () => ['--profile', at('profile.json'), '--archive', at('image.tar')]

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'snug-scan-'))
  writeFileSync(at('image.tar'), await savedImage(layers))
  writeFileSync(at('profile.json'), profileDocument(profile.image, profile.behaviours))
  writeFileSync(at('trivy.json'), JSON.stringify(trivy))
  const evil = structuredClone(trivy)
  const [first] = evil.Results[0]?.Vulnerabilities ?? []
  if (first !== undefined) Object.assign(first, { VulnerabilityID: 'CVE\u001b[2J\u202e1' })
  writeFileSync(at('evil.json'), JSON.stringify(evil))
  writeFileSync(at('part.json'), JSON.stringify({ ...trivy, Results: [...trivy.Results, 3] }))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it('prints running packages first, with the evidence for each', async () => {
  const { exit, stdout, stderr } = await cli([
    'scan',
    'shop/web:2',
    '--report',
    at('trivy.json'),
    ...files(),
  ])
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^findings +13: 3 in use, 4 loaded, 2 not known, 4 not seen$/m)
  expect(stdout).toMatch(
    /^IN USE +high +CVE-12 +golang\.org\/x\/net 0\.1\n {4}\/usr\/local\/bin\/server ran$/m,
  )
})

it('lets no report steer the terminal', async () => {
  for (const format of ['table', 'json', 'ndjson', 'yaml']) {
    const { stdout } = await cli([
      '-o',
      format,
      'scan',
      'x',
      '--report',
      at('evil.json'),
      ...files(),
    ])
    for (const char of ['\u001b', '\u202e']) expect(stdout).not.toContain(char)
    expect(stdout).toContain('CVE')
  }
})

it('gives no OpenVEX document without a statement, which would be invalid', async () => {
  const none = trivy.Results.map((result) => ({ ...result, Vulnerabilities: [] }))
  writeFileSync(at('none.json'), JSON.stringify({ ...trivy, Results: none }))
  const scan = ['scan', 'x', '--report', at('none.json'), ...files()]
  const vex = await cli([...scan, '--format', 'openvex'])
  expect([vex.exit, vex.stdout]).toEqual([0, ''])
  expect(vex.stderr).toContain('the reports have no findings')
})

it('gives OpenVEX, and the same findings to the gate', async () => {
  const vex = await cli([
    'scan',
    'x',
    '--report',
    at('trivy.json'),
    '--format',
    'openvex',
    ...files(),
  ])
  expect(JSON.parse(vex.stdout)).toMatchObject({ '@context': 'https://openvex.dev/ns/v0.2.0' })
  const gate = await cli(['gate', 'x', '--scan', at('trivy.json'), ...files(), '-o', 'json'])
  expect(gate.exit).toBe(2)
  const { findings } = JSON.parse(gate.stdout) as { findings: { rule: string }[] }
  expect(findings.filter(({ rule }) => rule === 'vulnerability')).toHaveLength(7)
})

const imageId = `sha256:${'a'.repeat(64)}`

it('gives OpenVEX about exactly the named image, with the time of a reproducible build', async () => {
  const vex = await cli(
    [
      'scan',
      `web@${imageId}`,
      '--exact',
      '--report',
      at('trivy.json'),
      '--format',
      'openvex',
      ...files(),
    ],
    { env: { SOURCE_DATE_EPOCH: '1764633600' } },
  )
  expect([vex.exit, vex.stderr]).toEqual([0, ''])
  expect(JSON.parse(vex.stdout)).toMatchObject({ timestamp: '2025-12-02T00:00:00.000Z' })
  expect(vex.stdout).toContain(`"pkg:oci/web@${encodeURIComponent(imageId)}"`)
  expect(vex.stdout).not.toContain('repository_url')
})

it.each([
  ['an archive of another image', `web@sha256:${'b'.repeat(64)}`, {}, 3, 'the image is sha256:aaa'],
  ['a report on another image', `web@${imageId}`, { ImageID: 'sha256:c' }, 3, 'is of sha256:c'],
  ['a report that does not name its image', `web@${imageId}`, {}, 3, 'does not name its image'],
  ['a name without a digest', 'web:2', {}, 64, 'needs a name with a digest'],
])('refuses %s where it has to be exact', async (_, name, Metadata, code, text) => {
  writeFileSync(at('other.json'), JSON.stringify({ ...trivy, Metadata }))
  const scan = ['scan', name, '--exact', '--report', at('other.json'), ...files()]
  const { exit, stdout, stderr } = await cli(scan)
  expect([exit, stdout]).toEqual([code, ''])
  expect(stderr).toContain(text)
})

it('shows the readable part of a report and fails by code for the rest', async () => {
  const part = await cli(['scan', 'x', '--report', at('part.json'), ...files()])
  expect([part.exit, part.stderr]).toEqual([3, expect.stringContaining('1 items of the reports')])
  expect(part.stdout).toContain('CVE-12')
  expect((await cli(['scan', 'x', '--report', at('image.tar'), ...files()])).exit).toBe(3)
  const noImage = ['scan', 'x', '--report', at('trivy.json'), '--profile', at('profile.json')]
  expect((await cli([...noImage, '--archive', at('trivy.json')])).exit).toBe(3)
})

it('has the agent keep the findings, which `image show` prints with control characters escaped', async () => {
  await using fixture = await startFixture()
  const image = 'registry.local/shop/web:1.4'
  const snug = (...args: readonly string[]) => cli([...args, '--socket', fixture.socket])
  const unshared = await snug('image', 'show', image)
  expect(unshared.stdout).not.toMatch(/^findings/m)
  const report = ['--report', at('evil.json'), at('trivy.json')]
  const reported = await snug('scan', image, ...report, ...files(), '--keep')
  expect([reported.exit, reported.stderr]).toEqual([0, ''])
  const { stdout } = await snug('image', 'show', image)
  expect(stdout).toMatch(
    /^findings +14: 4 in use, 4 loaded, 2 not known, 4 not seen, reported by cli:/m,
  )
  expect(stdout).toContain('high CVE-12 in golang.org/x/net 0.1: /usr/local/bin/server ran')
  for (const char of ['\u001b', '\u202e']) expect(stdout).not.toContain(char)
})

it('limits the findings that the agent keeps to those nearest to running', async () => {
  await using fixture = await startFixture()
  const [result] = trivy.Results
  const first = result?.Vulnerabilities?.[0]
  const many = Array.from({ length: 1_500 }, (_, id) => ({
    ...first,
    VulnerabilityID: `CVE-2024-${id}`,
    FixedVersion: 'x'.repeat(600),
  }))
  const report = { ...trivy, Results: [{ ...result, Vulnerabilities: many }] }
  writeFileSync(at('many.json'), JSON.stringify(report))
  const image = 'registry.local/shop/web:1.4'
  const socket = ['--socket', fixture.socket]
  const reported = await cli([
    'scan',
    image,
    '--report',
    at('many.json'),
    ...files(),
    '--keep',
    ...socket,
  ])
  expect([reported.exit, reported.stderr]).toEqual([0, ''])
  const { versions } = await fixture.engine.image(image)
  expect(versions[0]?.scan?.findings).toHaveLength(1_000)
  expect(versions[0]?.scan?.counts).toMatchObject({ 'in-use': 1_500 })
})
