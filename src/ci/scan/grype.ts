import { z } from 'zod'
import { Items, text } from './items.ts'
import {
  imagePath,
  kindOf,
  purlType,
  type ReportedFinding,
  type ScanReport,
  severityOf,
} from '../../supplychain/findings/report.ts'

const match = z.looseObject({
  vulnerability: z.looseObject({
    id: z.string().min(1),
    severity: text,
    description: text,
    fix: z.looseObject({ versions: z.array(z.string()).nullish() }).nullish(),
  }),
  artifact: z.looseObject({
    name: z.string().min(1),
    version: text,
    type: text,
    purl: text,
    locations: z.array(z.looseObject({ path: text })).nullish(),
  }),
})
const report = z.looseObject({
  matches: z.unknown().optional(),
  source: z.looseObject({ target: z.unknown().optional() }).nullish(),
})
const target = z.looseObject({ imageID: z.string() })

export function isGrype(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'matches' in value
}

/** `grype -o json`. */
export function readGrype(value: unknown): ScanReport {
  const items = new Items()
  const { matches, source } = report.parse(value)
  const findings = items.of(matches, match).map(findingOf)
  const image = target.safeParse(source?.target)
  return {
    format: 'grype',
    findings,
    packages: findings.map((finding) => finding.package),
    ...(image.success ? { imageId: image.data.imageID } : {}),
    rejected: items.rejected,
  }
}

function findingOf({ vulnerability, artifact }: z.output<typeof match>): ReportedFinding {
  const { id, severity, description, fix } = vulnerability
  const { name, version, type, purl, locations } = artifact
  const kind = kindOf(type ?? undefined, kindOf(purlType(purl)))
  // For an operating system package, Grype reports the package database that it read, which is no file of the package.
  const paths = kind === 'os' ? [] : (locations ?? []).map(({ path }) => imagePath(path))
  return {
    id,
    severity: severityOf(severity),
    package: {
      kind,
      name,
      version: version ?? '',
      ...(purl === undefined ? {} : { purl }),
      paths: paths.filter((path) => path !== undefined),
    },
    fixed: fix?.versions ?? [],
    ...(description === undefined ? {} : { title: description }),
  }
}
