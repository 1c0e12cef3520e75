import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import type { InstalledPackage, InstalledPackages } from '../../supplychain/image/image-packages.ts'
import type { ImageTree } from '../../supplychain/image/image-tree.ts'
import { compareText } from '../../core/compare-text.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import {
  type ReportedFinding,
  type ReportedPackage,
  type ScanReport,
  severityNames,
  type SeverityName,
} from '../../supplychain/findings/report.ts'
import { type PackageUse, packageUses } from '../../supplychain/findings/package-use.ts'
import { coverageText } from './coverage-text.ts'
import { fileUses, type SeenFile, SeenFiles } from './seen-files.ts'

export interface JoinedFinding {
  readonly id: string
  readonly severity: SeverityName
  readonly package: string
  readonly version: string
  readonly purl?: string
  readonly fixed: readonly string[]
  readonly title?: string
  readonly use: PackageUse
  /** The evidence for the use, for people. */
  readonly why: string
}

/** `snug.scan/v1` */
export interface JoinedScan {
  readonly schema: 'snug.scan/v1'
  readonly image: string
  /** How reliable `not-seen` is. */
  readonly coverage: string
  readonly counts: Readonly<Record<PackageUse, number>>
  /** Nearest to running first, then gravest, then by id and package. */
  readonly findings: readonly JoinedFinding[]
  /** Items of the reports that could not be read. */
  readonly rejected: number
}

export interface JoinInput {
  readonly image: string
  readonly reports: readonly ScanReport[]
  /** Absent: all is `unknown`. */
  readonly profile?: ProfileDocument
  /** Absent where the image's files are not available: only the paths in the report are used then. */
  readonly contents?: { readonly tree: ImageTree; readonly packages: InstalledPackages }
  readonly shaper: Shaper
}

/** Determines for each finding whether its package runs. The same finding of two scanners is one. */
export function joinScan(input: JoinInput): JoinedScan {
  const { image, reports, profile, contents } = input
  const placeOf = (path: string): string => contents?.tree.resolve(path) ?? path
  const seen = profile === undefined ? undefined : new SeenFiles(profile, placeOf)
  const found = new Map<string, JoinedFinding>()
  for (const finding of reports.flatMap((report) => report.findings)) {
    const joined = { ...reported(finding), ...useOf(finding.package, seen, contents) }
    const key = [joined.id, joined.package, joined.version].join('\u0000')
    const known = found.get(key)
    found.set(key, known === undefined ? joined : merged(known, joined))
  }
  const findings = [...found.values()].sort(nearestFirst)
  const count = (use: PackageUse): number => findings.filter((one) => one.use === use).length
  return {
    schema: 'snug.scan/v1',
    image,
    coverage: profile === undefined ? 'no profile was given' : coverageText(profile, input.shaper),
    counts: {
      'in-use': count('in-use'),
      loaded: count('loaded'),
      unknown: count('unknown'),
      'not-seen': count('not-seen'),
    },
    findings,
    rejected: reports.reduce((sum, { rejected }) => sum + rejected, 0),
  }
}

function reported({
  id,
  severity,
  fixed,
  title,
  package: { name, version, purl },
}: ReportedFinding) {
  return {
    id,
    severity,
    package: name,
    version,
    ...(purl === undefined ? {} : { purl }),
    fixed,
    ...(title === undefined ? {} : { title }),
  }
}

/** Two reports of one finding: the more severe value of each member counts. */
function merged(a: JoinedFinding, b: JoinedFinding): JoinedFinding {
  const [near, far] = packageUses.indexOf(a.use) <= packageUses.indexOf(b.use) ? [a, b] : [b, a]
  const severity =
    severityNames.indexOf(a.severity) >= severityNames.indexOf(b.severity) ? a.severity : b.severity
  return { ...far, ...near, severity, fixed: [...new Set([...a.fixed, ...b.fixed])] }
}

function nearestFirst(a: JoinedFinding, b: JoinedFinding): number {
  return (
    packageUses.indexOf(a.use) - packageUses.indexOf(b.use) ||
    severityNames.indexOf(b.severity) - severityNames.indexOf(a.severity) ||
    compareText(a.id, b.id) ||
    compareText(a.package, b.package)
  )
}

type Use = Pick<JoinedFinding, 'use' | 'why'>

function useOf(
  reported: ReportedPackage,
  seen: SeenFiles | undefined,
  contents: JoinInput['contents'],
): Use {
  if (seen === undefined) return { use: 'unknown', why: 'no profile was given, so use is unknown' }
  const files = filesOf(reported, contents)
  if (typeof files === 'string') return { use: 'unknown', why: files }
  const best = bestOf(files, seen)
  if (best !== undefined) return { use: best.use === 'ran' ? 'in-use' : 'loaded', why: whyOf(best) }
  if (!seen.seesFiles) {
    return { use: 'unknown', why: 'the source of the profile did not observe opened files' }
  }
  const why = files.length === 1 ? 'its one file was not' : `none of its ${files.length} files was`
  return { use: 'not-seen', why: `${why} run, mapped or opened` }
}

function bestOf(files: readonly string[], seen: SeenFiles): SeenFile | undefined {
  let best: SeenFile | undefined
  for (const path of files) {
    const found = seen.at(path)
    if (found === undefined) continue
    if (best === undefined || fileUses.indexOf(found.use) < fileUses.indexOf(best.use)) best = found
  }
  return best
}

function whyOf({ path, use, by, sessionOnly }: SeenFile): string {
  const what = use === 'ran' ? 'ran' : `was ${use} by ${by}`
  return `${path} ${what}${sessionOnly ? ', in exec sessions only' : ''}`
}

/** The package's files as the kernel names them; or why they cannot be determined. */
function filesOf(
  reported: ReportedPackage,
  contents: JoinInput['contents'],
): readonly string[] | string {
  const { kind, name, paths } = reported
  const own = ownFiles(paths, contents)
  if (own.length > 0) return own
  if (contents === undefined) return 'the files of the image were not inspected'
  const { packages } = contents
  const named =
    kind === 'os'
      ? packages.os(name)
      : kind === 'node'
        ? packages.node(name)
        : kind === 'python'
          ? packages.python(name)
          : kind === 'other'
            ? [...packages.os(name), ...packages.node(name), ...packages.python(name)]
            : []
  const meant = ofVersion(named, reported.version)
  if (meant.length === 0) return `the image’s databases have no files of ${name}`
  const files = meant.flatMap((one) => one.files)
  return files.length === 0 ? `which files ${name} brought is not on record` : files
}

/** Of several packages, the one with that version; if none has it, all: the affected one cannot be determined. */
function ofVersion(packages: readonly InstalledPackage[], version: string) {
  const same = packages.filter((one) => one.version === version)
  return same.length === 0 ? packages : same
}

const archive = /^(.*?\.(?:jar|war|ear|jpi|hpi))(?:$|[!:/])/i

/** By the scanner's location: metadata represents its package's files, a program or archive only itself. */
function ownFiles(paths: readonly string[], contents: JoinInput['contents']): readonly string[] {
  return paths.flatMap((path): readonly string[] => {
    const jar = archive.exec(path)?.[1]
    if (jar !== undefined) return [contents?.tree.resolve(jar) ?? jar]
    if (/\/(?:package\.json|METADATA|PKG-INFO)$/.test(path)) {
      return contents?.packages.at(path)?.files ?? []
    }
    // A lock file or a database belongs to none of the packages that it lists.
    const place = contents?.tree.resolve(path)
    const isProgram = place !== undefined && contents?.tree.has(place) === true
    return isProgram && !isList(path) ? [place] : []
  })
}

function isList(path: string): boolean {
  return (
    /\.(?:lock|json|toml|txt|ya?ml|xml|mod|sum)$/i.test(path) || path.startsWith('/var/lib/dpkg/')
  )
}
