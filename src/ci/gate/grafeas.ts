import {
  GrafeasBook,
  type GrafeasDocument,
  type GrafeasOptions,
} from '../../supplychain/export/grafeas.ts'
import type { JoinedFinding, JoinedScan } from '../scan/join.ts'
import type { SeverityName } from '../../supplychain/findings/report.ts'
import {
  type GateFinding,
  type GateResult,
  ruleTitles,
} from '../../supplychain/findings/finding.ts'

export interface GateGrafeasInput extends GrafeasOptions {
  readonly result: GateResult
  /** All findings of the scanners, including those that the gate lets pass. */
  readonly scan?: JoinedScan
  /** RFC 3339 */
  readonly time: string
}

const gate = { id: 'snug-gate', kind: 'DISCOVERY' } as const
const scanned = { id: 'snug-scan', kind: 'DISCOVERY' } as const

/**
 * That the gate ran, which findings violate the policy, and which vulnerabilities the image has. Approved findings and
 * notes comply.
 */
export function gateGrafeas(input: GateGrafeasInput): GrafeasDocument {
  const { result, scan, time } = input
  const book = new GrafeasBook(input)
  book.note({
    ...gate,
    shortDescription: 'Snug’s gate: behaviour and image against a policy',
    details: { analysisKind: 'COMPLIANCE' },
  })
  book.occurrence(gate, analysed(result.passed ? 'open' : 'shut', time))
  for (const finding of result.findings) {
    if (finding.rule !== 'vulnerability') addFinding(book, finding)
  }
  if (scan === undefined) return book.document()
  book.note({
    ...scanned,
    shortDescription: 'scanners’ reports, joined with what was seen to run',
    details: { analysisKind: 'VULNERABILITY' },
  })
  book.occurrence(scanned, analysed(scan.coverage, time))
  const byId = new Map<string, JoinedFinding[]>()
  for (const finding of scan.findings) {
    byId.set(finding.id, [...(byId.get(finding.id) ?? []), finding])
  }
  for (const [id, findings] of byId) addVulnerability(book, id, findings)
  return book.document()
}

function analysed(what: string, lastScanTime: string): object {
  return {
    analysisStatus: 'FINISHED_SUCCESS',
    analysisCompleted: { analysisType: [what] },
    lastScanTime,
  }
}

function addFinding(book: GrafeasBook, finding: GateFinding): void {
  const { id, rule, level, text, why, path, approved } = finding
  if (approved !== undefined || level === 'note') return
  const note = { id: `snug-gate-${rule}`, kind: 'COMPLIANCE' } as const
  const title = ruleTitles[rule]
  book.note({ ...note, shortDescription: title, details: { title } })
  const nonComplianceReason = why === undefined ? text : `${text} (${why})`
  const files = path === undefined ? {} : { nonCompliantFiles: [{ path, reason: title }] }
  const details = { nonComplianceReason, ...files }
  if (level === 'warn') book.occurrence(note, details)
  else book.occurrence(note, details, { remediation: `change the image, or approve ${id}` })
}

const severities: Readonly<Record<SeverityName, string>> = {
  unknown: 'SEVERITY_UNSPECIFIED',
  negligible: 'MINIMAL',
  low: 'LOW',
  medium: 'MEDIUM',
  high: 'HIGH',
  critical: 'CRITICAL',
}

function addVulnerability(book: GrafeasBook, id: string, findings: readonly JoinedFinding[]): void {
  const note = { id, kind: 'VULNERABILITY' } as const
  const [first] = findings
  const severity = severities[first?.severity ?? 'unknown']
  book.note({
    ...note,
    shortDescription: first?.title ?? id,
    details: { severity, details: findings.map(detailOf) },
  })
  for (const finding of findings) book.occurrence(note, vulnerabilityOf(finding))
}

function detailOf(finding: JoinedFinding): object {
  return {
    affectedCpeUri: cpeOf(finding),
    affectedPackage: finding.package,
    affectedVersionStart: { kind: 'MINIMUM' },
    affectedVersionEnd: fixOf(finding),
    severityName: finding.severity,
    ...typeOf(finding),
  }
}

function vulnerabilityOf(finding: JoinedFinding): object {
  const { id, severity, package: name, version, fixed, use, why, title } = finding
  const [fix] = fixed
  const grade = severities[severity]
  return {
    severity: grade,
    effectiveSeverity: grade,
    shortDescription: id,
    longDescription: `${title === undefined ? '' : `${title}; `}${useText[use]}: ${why}`,
    fixAvailable: fix !== undefined,
    packageIssue: [
      {
        affectedCpeUri: cpeOf(finding),
        affectedPackage: name,
        affectedVersion: normal(version),
        fixedCpeUri: cpeOf(finding),
        fixedPackage: name,
        fixedVersion: fixOf(finding),
        fixAvailable: fix !== undefined,
        ...typeOf(finding),
      },
    ],
  }
}

const useText = {
  'in-use': 'in use',
  loaded: 'loaded',
  unknown: 'not known whether it is used',
  'not-seen': 'not seen',
} as const satisfies Record<JoinedFinding['use'], string>

/** Without a fix every version is affected. */
function fixOf({ fixed: [fix] }: JoinedFinding): object {
  return fix === undefined ? { kind: 'MAXIMUM' } : normal(fix)
}

function normal(fullName: string): object {
  return { kind: 'NORMAL', name: fullName, fullName }
}

/** By the package alone: reports do not name the vendor that lists it. */
function cpeOf({ package: name }: JoinedFinding): string {
  return `cpe:/a::${encodeURIComponent(name)}`
}

function typeOf({ purl }: JoinedFinding): { readonly packageType?: string } {
  const type = /^pkg:([\w.+-]+)\//.exec(purl ?? '')?.[1]
  return type === undefined ? {} : { packageType: type }
}
