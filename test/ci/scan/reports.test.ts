import { expect, it } from 'vitest'
import { formatVersions } from '../../../src/core/event/format-versions.ts'
import { parseReport } from '../../../src/ci/scan/parse-report.ts'
import type { ReportedFinding } from '../../../src/supplychain/findings/report.ts'
import { cycloneDxFaults } from '../../fixtures/published-schemas.ts'

const short = ({ id, severity, fixed, package: { kind, name, version, paths } }: ReportedFinding) =>
  [id, severity, kind, name, version, paths.join(' '), fixed.join(' ')].join('|')
const read = (value: unknown) => {
  const { format, rejected, findings } = parseReport(value)
  return { format, rejected, findings: findings.map(short) }
}

it('reads Grype’s JSON, and does not take the database for a file of the package', () => {
  const match = (type: string, name: string, path: string, severity: string) => ({
    vulnerability: { id: 'CVE-1', severity, fix: { versions: [], state: 'not-fixed' } },
    artifact: { name, version: '1', type, locations: [{ path }] },
  })
  const report = {
    matches: [
      match('deb', 'bash', '/var/lib/dpkg/status', 'Negligible'),
      match('npm', 'lodash', '/app/node_modules/lodash/package.json', 'High'),
      match('go-module', 'golang.org/x/net', '/usr/bin/app', 'Unknown'),
      { vulnerability: { id: 'CVE-2' } },
    ],
    source: { type: 'image', target: { imageID: 'sha256:ab' } },
  }
  expect(read(report)).toEqual({
    format: 'grype',
    rejected: 1,
    findings: [
      'CVE-1|negligible|os|bash|1||',
      'CVE-1|high|node|lodash|1|/app/node_modules/lodash/package.json|',
      'CVE-1|unknown|binary|golang.org/x/net|1|/usr/bin/app|',
    ],
  })
  expect(parseReport(report).imageId).toBe('sha256:ab')
})

it('reads SARIF of Trivy and Grype, and counts results of other tools', () => {
  const result = (ruleId: string, text: string, uri: string) => ({
    ruleId,
    level: 'error',
    message: { text },
    locations: [{ physicalLocation: { artifactLocation: { uri } } }],
  })
  const sarif = {
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Trivy', rules: [{ id: 'CVE-1' }] } },
        results: [
          result(
            'CVE-1',
            'Package: lodash\nInstalled Version: 4.17.4\nVulnerability CVE-1\nSeverity: HIGH\nFixed Version: 4.17.5\nLink: [CVE-1](https://x)',
            'app/node_modules/lodash/package.json',
          ),
        ],
      },
      {
        tool: {
          driver: {
            name: 'grype',
            rules: [{ id: 'CVE-2-bash', properties: { 'security-severity': '9.8' } }],
          },
        },
        results: [
          result(
            'CVE-2-bash',
            'A critical vulnerability in deb package: bash, version 5.2 was found in image shop at: /var/lib/dpkg/status',
            'shop/var/lib/dpkg/status',
          ),
          result('semgrep', 'eval is evil', 'a.js'),
        ],
      },
    ],
  }
  expect(read(sarif)).toEqual({
    format: 'sarif',
    rejected: 1,
    findings: [
      'CVE-1|high|other|lodash|4.17.4|/app/node_modules/lodash/package.json|4.17.5',
      'CVE-2-bash|critical|os|bash|5.2||',
    ],
  })
})

it('reads CycloneDX, its vulnerabilities too where it has any', () => {
  const bom = {
    bomFormat: 'CycloneDX',
    $schema: 'http://cyclonedx.org/schema/bom-1.7.schema.json',
    specVersion: formatVersions.cyclonedx,
    components: [
      { 'bom-ref': 'os', type: 'operating-system', name: 'debian', version: '12' },
      {
        'bom-ref': 'a',
        type: 'library',
        name: 'bash',
        version: '5',
        purl: 'pkg:deb/debian/bash@5',
      },
      {
        'bom-ref': 'b',
        type: 'library',
        group: '@s',
        name: 'x',
        version: '1',
        purl: 'pkg:npm/%40s/x@1',
        properties: [
          { name: 'aquasecurity:trivy:FilePath', value: 'app/node_modules/@s/x/package.json' },
        ],
        components: [
          { 'bom-ref': 'c', type: 'library', name: 'y', purl: 'pkg:npm/y@2', version: '2' },
        ],
      },
    ],
    vulnerabilities: [
      {
        id: 'CVE-1',
        ratings: [{ severity: 'low' }, { severity: 'high' }],
        affects: [{ ref: 'a' }, { ref: 'urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#b' }],
      },
      { id: 'CVE-3', affects: [{ ref: 'c' }] },
      { id: 'CVE-2', affects: [{ ref: 'nowhere' }] },
    ],
  }
  expect(cycloneDxFaults(bom)).toEqual([])
  expect(read(bom)).toEqual({
    format: 'cyclonedx',
    rejected: 1,
    findings: [
      'CVE-1|high|os|bash|5||',
      'CVE-1|high|node|@s/x|1|/app/node_modules/@s/x/package.json|',
      'CVE-3|unknown|node|y|2||',
    ],
  })
})

it('reads reports that have nothing of a part', () => {
  const empty = [
    { SchemaVersion: 2, ArtifactName: 'x' },
    { matches: [] },
    { matches: null },
    { runs: [] },
    { bomFormat: 'CycloneDX' },
    { spdxVersion: 'SPDX-2.3' },
  ]
  for (const value of empty) {
    expect(read(value)).toMatchObject({ rejected: 0, findings: [] })
  }
})

it('reads the packages of SPDX, with the files that they contain', () => {
  const spdx = {
    spdxVersion: 'SPDX-2.3',
    packages: [
      { SPDXID: 'SPDXRef-i', name: 'shop', primaryPackagePurpose: 'CONTAINER' },
      {
        SPDXID: 'SPDXRef-a',
        name: 'bash',
        versionInfo: '5',
        externalRefs: [{ referenceType: 'purl', referenceLocator: 'pkg:deb/debian/bash@5' }],
      },
    ],
    files: [{ SPDXID: 'SPDXRef-f', fileName: './bin/bash' }],
    relationships: [
      { spdxElementId: 'SPDXRef-a', relationshipType: 'CONTAINS', relatedSpdxElement: 'SPDXRef-f' },
      {
        spdxElementId: 'SPDXRef-a',
        relationshipType: 'DEPENDS_ON',
        relatedSpdxElement: 'SPDXRef-f',
      },
    ],
  }
  expect(parseReport(spdx)).toMatchObject({
    findings: [],
    packages: [{ kind: 'os', name: 'bash', version: '5', paths: ['/bin/bash'] }],
  })
})

it('refuses an invalid report by code', () => {
  const wrong = [
    undefined,
    3,
    'x',
    [],
    {},
    { SchemaVersion: 2, Results: [], Metadata: 3 },
    { matches: 1, source: 'x' },
  ]
  for (const value of wrong) {
    expect(() => parseReport(value)).toThrow(expect.objectContaining({ code: 'REPORT_INVALID' }))
  }
})
