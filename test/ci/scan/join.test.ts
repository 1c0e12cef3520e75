import { expect, it } from 'vitest'
import { InstalledPackages } from '../../../src/supplychain/image/image-packages.ts'
import { joinScan } from '../../../src/ci/scan/join.ts'
import { parseReport } from '../../../src/ci/scan/parse-report.ts'
import { act, learned, shaper } from '../../fixtures/event-fixture.ts'
import { fileOf } from '../../fixtures/gate-fixtures.ts'
import { contentsOf, joinedWith, profile, savedImage, trivy } from '../../fixtures/scan-fixtures.ts'

const scan = await joinedWith(trivy)
const line = ({ id, version, use }: (typeof scan.findings)[number]) => `${id} ${version} ${use}`

it('sorts findings by use, then by severity', () => {
  expect(scan.findings.map(line)).toEqual([
    'CVE-12 0.1 in-use',
    'CVE-1 1.22.1-9 in-use',
    'CVE-4 5.36.0-7 in-use',
    'CVE-2 3.0.11-1 loaded',
    'CVE-9 5.1 loaded',
    'CVE-10 1 loaded',
    'CVE-7 4.17.4 loaded',
    'CVE-5 6.4 unknown',
    'CVE-6 1 unknown',
    'CVE-11 1 not-seen',
    'CVE-3 2024a-0 not-seen',
    'CVE-7 3.0.0 not-seen',
    'CVE-8 4.0.0 not-seen',
  ])
  expect(scan.counts).toEqual({ 'in-use': 3, loaded: 4, unknown: 2, 'not-seen': 4 })
})

it('names the file behind each finding, and marks one that only an exec session used', () => {
  const why = Object.fromEntries(scan.findings.map((one) => [`${one.id} ${one.version}`, one.why]))
  expect(why).toMatchObject({
    'CVE-1 1.22.1-9': '/usr/sbin/nginx ran',
    'CVE-2 3.0.11-1': '/usr/lib/x86_64-linux-gnu/libssl.so.3 was mapped by /usr/sbin/nginx',
    'CVE-4 5.36.0-7': '/usr/bin/perl ran, in exec sessions only',
    'CVE-9 5.1':
      '/usr/lib/python3/dist-packages/yaml/__pycache__/__init__.cpython-311.pyc was opened by /usr/bin/python3',
    'CVE-3 2024a-0': 'its one file was not run, mapped or opened',
    'CVE-5 6.4': 'which files netbase brought is not on record',
    'CVE-6 1': 'the image’s databases have no files of gone',
  })
})

it('states the coverage behind its result', () => {
  expect(scan.coverage).toMatch(/1 container run/)
})

it('does not report `not-seen` from a sensor that saw no files', () => {
  const programs = fileOf(
    learned(act.exec('/usr/sbin/nginx', { exe: '/docker-entrypoint.sh' })),
    '2',
  )
  const reports = [parseReport(trivy)]
  // Older profiles do not list what was observed.
  const { observed: _, ...older } = programs
  for (const blind of [{ ...programs, observed: ['exec'] as const }, older]) {
    const { findings } = joinScan({ image: 'x', reports, profile: blind, shaper })
    expect(new Set(findings.map(({ use }) => use))).toEqual(new Set(['unknown']))
  }
  const none = joinScan({ image: 'x', reports, shaper })
  expect(none.counts).toMatchObject({ unknown: 13 })
  // Without the image's files the paths in the report still count.
  const paths = joinScan({ image: 'x', reports, profile, shaper })
  expect(paths.findings.filter(({ use }) => use !== 'unknown').map(line)).toEqual([
    'CVE-10 1 loaded',
    'CVE-11 1 not-seen',
  ])
})

it('merges the same finding of two scanners, with the graver severity', async () => {
  const grype = {
    matches: [
      {
        vulnerability: {
          id: 'CVE-1',
          severity: 'High',
          fix: { versions: ['1.25'], state: 'fixed' },
        },
        artifact: {
          name: 'nginx',
          version: '1.22.1-9',
          type: 'deb',
          purl: 'pkg:deb/debian/nginx@1.22.1-9',
          locations: [{ path: '/var/lib/dpkg/status' }],
        },
      },
    ],
  }
  const both = await joinedWith(trivy, grype)
  expect(both.findings).toHaveLength(scan.findings.length)
  expect(both.findings.find(({ id }) => id === 'CVE-1')).toMatchObject({
    severity: 'high',
    use: 'in-use',
    fixed: ['1.22.1-10', '1.24.0', '1.25'],
  })
})

it('does not count a folder as a file of the package that lists it', async () => {
  const status = 'Package: python3.9\nStatus: install ok installed\nVersion: 3.9.2-1\n'
  const list = '/usr/lib\n/usr/lib/python3\n/usr/lib/python3/site\n/usr/bin\n/usr/bin/pdb\n'
  const { tree } = await contentsOf(
    await savedImage([
      {
        'var/lib/dpkg/status': status,
        'var/lib/dpkg/info/python3.9.list': list,
        'usr/lib/python3/site/other.py': 'x',
        'usr/bin/pdb': 'x',
      },
    ]),
  )
  const contents = { tree, packages: new InstalledPackages(tree) }
  const opened = fileOf(learned(act.file('/usr/lib/python3/site', ['read'])), '2')
  const vulnerability = { VulnerabilityID: 'CVE-1', PkgName: 'python3.9' }
  const results = [{ Target: 'x', Class: 'os-pkgs', Vulnerabilities: [vulnerability] }]
  const reports = [parseReport({ SchemaVersion: 2, Results: results })]
  const { findings } = joinScan({ image: 'x', reports, profile: opened, contents, shaper })
  expect(findings).toMatchObject([
    { use: 'not-seen', why: 'its one file was not run, mapped or opened' },
  ])
})
