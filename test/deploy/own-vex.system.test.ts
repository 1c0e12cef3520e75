import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openVexFaults } from '../fixtures/published-schemas.ts'
import { releaseImage, releasePackage, trivyReport } from '../fixtures/own-report.ts'
import { releaseSensors } from '../fixtures/release-sensors.ts'

/**
 * What a release states about findings of scanners on its image, by the committed profile of Snug. The packages are those
 * of the real image; no scanner is here, so the reports are written as Trivy and Grype write them.
 */
const work = mkdtempSync('/var/tmp/snug-own-vex-')
const release = join(work, 'release')
const checkout = fileURLToPath(new URL('../../', import.meta.url))
const version = '1.2.3'
/** Node runs on the one; of the other only programs make use that Snug never starts, such as `expr`. */
const [used, unused] = ['libuv1t64', 'libgmp10']
const vexFile = join(release, 'snug.openvex.json')

interface Ran {
  readonly status: number | null
  readonly output: string
}

function run(name: string, args: readonly string[], env: object = {}): Ran {
  const { status, stdout, stderr } = spawnSync(join(checkout, 'deploy/release', name), args, {
    encoding: 'utf8',
    env: {
      ...process.env,
      SNUG_SENSORS: releaseSensors(),
      SNUG_IMAGE_COMPRESSION: '1',
      SNUG_BUILT_WITH: '',
      ...env,
    },
  })
  return { status, output: stdout + stderr }
}

/** A folder with these reports; a text is written as it is. */
function reportsOf(reports: Readonly<Record<string, unknown>>): string {
  const folder = mkdtempSync(join(work, 'reports-'))
  for (const [name, report] of Object.entries(reports)) {
    writeFileSync(join(folder, name), typeof report === 'string' ? report : JSON.stringify(report))
  }
  return folder
}

const trivy = (): object => trivyReport(release, [used, unused])
/** The same finding as Trivy's, and one in a package of npm. */
const grype = (): object => ({
  matches: [
    {
      vulnerability: { id: `CVE-${unused}`, severity: 'High' },
      artifact: { name: unused, version: releasePackage(release, unused).version, type: 'deb' },
    },
    {
      vulnerability: { id: 'CVE-classic-level', severity: 'High' },
      artifact: { name: 'classic-level', version: '1', type: 'npm' },
    },
  ],
  source: { target: { imageID: releaseImage(release).id } },
})

interface Vex {
  readonly author: string
  readonly role?: string
  readonly timestamp: string
  readonly statements: readonly {
    readonly vulnerability: { readonly name: string }
    readonly products: readonly { readonly '@id': string }[]
    readonly status: string
    readonly justification?: string
    readonly status_notes: string
  }[]
}

function stated(): Vex {
  const vex: unknown = JSON.parse(readFileSync(vexFile, 'utf8'))
  expect(openVexFaults(vex)).toEqual([])
  return vex as Vex
}

const statusOf = ({ statements }: Vex): object =>
  Object.fromEntries(statements.map(({ vulnerability, status }) => [vulnerability.name, status]))

beforeAll(() => {
  const { status, output } = run('image.sh', [release, version])
  if (status !== 0) throw new Error(output)
})
afterAll(() => rmSync(work, { recursive: true, force: true }))

test('without reports there is no document, and a line names why', () => {
  const { status, output } = run('vex.sh', [release, ''])
  expect([status, output]).toEqual([
    0,
    `snug: no snug.openvex.json: SNUG_SCAN_REPORTS names no reports of a scanner on ${release}/image\n`,
  ])
  expect(existsSync(vexFile)).toBe(false)
})

test('an author’s document clears only what Snug does not use, about the image of the release', () => {
  const reports = reportsOf({ 'trivy.json': trivy(), 'grype.json': grype() })
  const author = 'Ada <ada@snug.example>'
  const made = run('vex.sh', [release, reports], { SNUG_VEX_AUTHOR: author })
  expect(made).toEqual({ status: 0, output: '' })
  const vex = stated()
  expect(vex).toMatchObject({ author })
  expect(vex.statements).toHaveLength(3)
  expect(statusOf(vex)).toEqual({
    [`CVE-${used}`]: 'under_investigation',
    'CVE-classic-level': 'under_investigation',
    [`CVE-${unused}`]: 'not_affected',
  })
  const product = `pkg:oci/snug@${encodeURIComponent(releaseImage(release).digest)}`
  for (const { products } of vex.statements) expect(products[0]?.['@id']).toBe(product)
  const notes = vex.statements.map(({ status_notes: text }) => text)
  expect(notes.filter((text) => /^(?:loaded|in use): /.test(text))).toHaveLength(2)
  expect(notes.filter((text) => text.startsWith('not seen: its one file was not'))).toHaveLength(1)
})

test('without an author it is a proposal, and clears nothing', () => {
  const reports = reportsOf({ 'trivy.json': trivy() })
  expect(run('vex.sh', [release, reports], { SNUG_VEX_AUTHOR: '' }).status).toBe(0)
  const vex = stated()
  expect(vex.role).toBe('proposal of a tool, not reviewed')
  expect(new Set(Object.values(statusOf(vex)))).toEqual(new Set(['under_investigation']))
})

test('document and reports are in the checksums, and a changed byte of either is refused', () => {
  const reports = reportsOf({ 'trivy.json': trivy() })
  const make = (): void => {
    expect(run('vex.sh', [release, reports], { SNUG_VEX_AUTHOR: 'Ada' }).status).toBe(0)
    expect(run('sums.sh', [release, version]).status).toBe(0)
  }
  make()
  const first = join(work, 'downloaded')
  cpSync(release, first, { recursive: true })
  make()
  const compare = (): Ran => {
    const args = [join(checkout, 'deploy/release/compare.mjs'), first, release]
    const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    return { status, output: stdout }
  }
  const same = compare()
  expect(same.status).toBe(0)
  const sums = readFileSync(join(first, 'SHA256SUMS'), 'utf8')
  const { subject } = JSON.parse(readFileSync(join(first, 'provenance.intoto.json'), 'utf8')) as {
    readonly subject: readonly { readonly name: string }[]
  }
  for (const name of ['snug.openvex.json', 'trivy.scan.json']) {
    expect(same.output).toContain(`${name}: the same\n`)
    expect(sums).toContain(`  ${name}\n`)
    expect(subject.map((one) => one.name)).toContain(name)
    const path = join(first, name)
    const text = readFileSync(path, 'utf8')
    writeFileSync(path, text.replace(used, 'libuv1t65'))
    const { status, output } = compare()
    expect(status).toBe(2)
    expect(output).toContain(`${name}: is not the file that SHA256SUMS lists\n`)
    // Where the list was changed too, the build shows it.
    const listed = spawnSync('sha256sum', [name], { cwd: first, encoding: 'utf8' }).stdout
    const other = sums.replace(new RegExp(`^\\w+  ${name}\\n`, 'm'), listed)
    writeFileSync(join(first, 'SHA256SUMS'), other)
    expect(compare().output).toContain(`${name}: differs from the build\n`)
    writeFileSync(path, text)
    writeFileSync(join(first, 'SHA256SUMS'), sums)
  }
})

test('reports on another image, or that cannot be read, leave no document and fail by code', () => {
  const other = { ...trivy(), Metadata: { ImageID: `sha256:${'0'.repeat(64)}` } }
  for (const [reports, code, text] of [
    [{ 'other.json': other }, 3, `a report is of sha256:000`],
    [{ 'trivy.json': trivy(), 'other.json': other }, 3, 'REPORT_INVALID'],
    [{ 'broken.json': '{' }, 3, 'REPORT_INVALID'],
    [{ 'foreign.json': { hello: 1 } }, 3, 'REPORT_INVALID'],
    [{ 'readme.txt': 'none' }, 64, 'no reports'],
  ] as const) {
    const { status, output } = run('vex.sh', [release, reportsOf(reports)])
    expect(output).toContain(text)
    expect(status).toBe(code)
    expect(existsSync(vexFile)).toBe(false)
  }
})

test('an archive of another image is refused', () => {
  const archive = join(work, 'other.tar')
  const one = join(checkout, 'deploy/release/one-image.mjs')
  spawnSync(process.execPath, [one, join(release, 'image'), 'arm64', archive])
  const main = join(checkout, 'dist/interfaces/cli/main.js')
  const name = `snug@${releaseImage(release).digest}`
  const profile = join(checkout, 'profiles/own/agent.json')
  const report = join(reportsOf({ 'trivy.json': trivy() }), 'trivy.json')
  const given = ['--archive', archive, '--profile', profile, '--report', report]
  const args = [main, 'scan', name, '--exact', '--format', 'openvex', ...given]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(stderr).toContain('IMAGE_INVALID')
  expect(status).toBe(3)
})

test('reports without findings are kept, without a document', () => {
  const reports = reportsOf({ 'trivy.json': trivyReport(release, []) })
  const { status, output } = run('vex.sh', [release, reports])
  expect(status).toBe(0)
  expect(output).toContain('snug: no snug.openvex.json: the reports have no findings\n')
  expect(existsSync(vexFile)).toBe(false)
  expect(existsSync(join(release, 'trivy.scan.json'))).toBe(true)
})
