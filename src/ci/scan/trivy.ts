import { z } from 'zod'
import { Items, text } from './items.ts'
import {
  imagePath,
  kindOf,
  type PackageKind,
  purlType,
  type ReportedFinding,
  type ScanReport,
  severityOf,
} from '../../supplychain/findings/report.ts'

const vulnerability = z.looseObject({
  VulnerabilityID: z.string().min(1),
  PkgName: z.string().min(1),
  PkgPath: text,
  PkgIdentifier: z.looseObject({ PURL: text }).nullish(),
  InstalledVersion: text,
  FixedVersion: text,
  Severity: text,
  Title: text,
})
const result = z.looseObject({
  Target: z.string(),
  Class: text,
  Type: text,
  Vulnerabilities: z.unknown().optional(),
})
const report = z.looseObject({
  Results: z.unknown().optional(),
  Metadata: z.looseObject({ ImageID: text }).nullish(),
})

export function isTrivy(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return 'SchemaVersion' in value && ('Results' in value || 'ArtifactName' in value)
}

/** `trivy image --format json`, schema 2. */
export function readTrivy(value: unknown): ScanReport {
  const items = new Items()
  const { Results, Metadata } = report.parse(value)
  const findings = items.of(Results, result).flatMap((one) => {
    const kind = kindOfResult(one.Class, one.Type)
    return items
      .of(one.Vulnerabilities, vulnerability)
      .map((each) => findingOf(each, kind, one.Target))
  })
  const imageId = Metadata?.ImageID ?? undefined
  return {
    format: 'trivy',
    findings,
    packages: findings.map((finding) => finding.package),
    ...(imageId === undefined ? {} : { imageId }),
    rejected: items.rejected,
  }
}

function kindOfResult(kindClass: string | undefined, type: string | undefined) {
  return kindClass === 'os-pkgs' ? 'os' : kindOf(type)
}

function findingOf(
  found: z.output<typeof vulnerability>,
  kind: PackageKind,
  target: string,
): ReportedFinding {
  const purl = found.PkgIdentifier?.PURL
  const own = kind === 'other' ? kindOf(purlType(purl)) : kind
  // A package that is built into a program is found there: the target is the program's path.
  const path = imagePath(found.PkgPath ?? (own === 'binary' ? target : undefined))
  const fixed = (found.FixedVersion ?? '').split(',').map((each) => each.trim())
  return {
    id: found.VulnerabilityID,
    severity: severityOf(found.Severity),
    package: {
      kind: own,
      name: found.PkgName,
      version: found.InstalledVersion ?? '',
      ...(purl === undefined ? {} : { purl }),
      paths: path === undefined ? [] : [path],
    },
    fixed: fixed.filter((each) => each !== ''),
    ...(found.Title === undefined ? {} : { title: found.Title }),
  }
}
