export const severityNames = ['unknown', 'negligible', 'low', 'medium', 'high', 'critical'] as const
export type SeverityName = (typeof severityNames)[number]

/** How an image holds a package; determines where its files are looked up. */
export type PackageKind = 'os' | 'node' | 'python' | 'java' | 'binary' | 'other'

export interface ReportedPackage {
  readonly kind: PackageKind
  readonly name: string
  readonly version: string
  readonly purl?: string
  /** Locations that the scanner reports, absolute in the image; may be empty. */
  readonly paths: readonly string[]
}

/** One vulnerability in one package, as the scanner describes it. Strings are untrusted: each writer escapes them. */
export interface ReportedFinding {
  /** `CVE-…`, or the scanner's id. */
  readonly id: string
  readonly severity: SeverityName
  readonly package: ReportedPackage
  /** Versions in which it is fixed; none where there is no fix. */
  readonly fixed: readonly string[]
  readonly title?: string
}

export const reportFormats = ['trivy', 'grype', 'sarif', 'cyclonedx', 'spdx'] as const
export type ReportFormat = (typeof reportFormats)[number]

export interface ScanReport {
  readonly format: ReportFormat
  readonly findings: readonly ReportedFinding[]
  /** All packages that it names, also those without a finding. */
  readonly packages: readonly ReportedPackage[]
  /** Id of the scanned image, if the report has it. */
  readonly imageId?: string
  /** Items that could not be read. */
  readonly rejected: number
}

export function severityOf(text: string | undefined): SeverityName {
  const lower = (text ?? '').toLowerCase()
  return severityNames.find((name) => name === lower) ?? aliases[lower] ?? 'unknown'
}

const aliases: Readonly<Record<string, SeverityName | undefined>> = {
  info: 'negligible',
  informational: 'negligible',
  none: 'negligible',
  moderate: 'medium',
  important: 'high',
}

/** By the scales of CVSS 3. */
export function severityOfScore(score: number): SeverityName {
  if (!(score >= 0)) return 'unknown'
  if (score === 0) return 'negligible'
  return score < 4 ? 'low' : score < 7 ? 'medium' : score < 9 ? 'high' : 'critical'
}

const kinds: Readonly<Record<string, PackageKind | undefined>> = {
  deb: 'os',
  dpkg: 'os',
  apk: 'os',
  rpm: 'os',
  alpm: 'os',
  npm: 'node',
  'node-pkg': 'node',
  python: 'python',
  pypi: 'python',
  'python-pkg': 'python',
  jar: 'java',
  maven: 'java',
  'java-archive': 'java',
  gobinary: 'binary',
  golang: 'binary',
  'go-module': 'binary',
  rustbinary: 'binary',
  'rust-crate': 'binary',
  cargo: 'binary',
}

/** From the scanner's name of the kind, or from the type of a package URL. */
export function kindOf(word: string | undefined, otherwise: PackageKind = 'other'): PackageKind {
  return kinds[(word ?? '').toLowerCase()] ?? otherwise
}

/** `deb` of `pkg:deb/debian/openssl@3.0.1`. */
export function purlType(purl: string | undefined): string | undefined {
  return /^pkg:([A-Za-z0-9.+-]+)\//.exec(purl ?? '')?.[1]
}

/** A path as in an image; undefined where the text is not a path. */
export function imagePath(text: string | undefined): string | undefined {
  if (text === undefined || text === '' || text.includes('\u0000')) return undefined
  return text.startsWith('/') ? text : `/${text}`
}
