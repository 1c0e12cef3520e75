import { z } from 'zod'
import { Items, text } from './items.ts'
import {
  imagePath,
  kindOf,
  purlType,
  type ReportedPackage,
  type ScanReport,
} from '../../supplychain/findings/report.ts'

const spdxPackage = z.looseObject({
  SPDXID: z.string(),
  name: z.string().min(1),
  versionInfo: text,
  primaryPackagePurpose: text,
  externalRefs: z.array(z.looseObject({ referenceType: text, referenceLocator: text })).nullish(),
})
const file = z.looseObject({ SPDXID: z.string(), fileName: z.string() })
const relation = z.looseObject({
  spdxElementId: z.string(),
  relationshipType: z.string(),
  relatedSpdxElement: z.string(),
})
const document = z.looseObject({
  packages: z.unknown().optional(),
  files: z.unknown().optional(),
  relationships: z.unknown().optional(),
})

export function isSpdx(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'spdxVersion' in value
}

/** SPDX 2 as JSON: packages, and the files that they contain. It has no findings. */
export function readSpdx(value: unknown): ScanReport {
  const items = new Items()
  const { packages, files, relationships } = document.parse(value)
  const names = new Map(items.of(files, file).map(({ SPDXID, fileName }) => [SPDXID, fileName]))
  const contained = new Map<string, string[]>()
  for (const { spdxElementId, relationshipType, relatedSpdxElement } of items.of(
    relationships,
    relation,
  )) {
    const path = imagePath(names.get(relatedSpdxElement)?.replace(/^\.\//, ''))
    if (relationshipType !== 'CONTAINS' || path === undefined) continue
    const list = contained.get(spdxElementId)
    if (list === undefined) contained.set(spdxElementId, [path])
    else list.push(path)
  }
  const found = items
    .of(packages, spdxPackage)
    .filter(({ primaryPackagePurpose }) => !isNoPackage(primaryPackagePurpose))
    .map((one) => packageOf(one, contained.get(one.SPDXID) ?? []))
  return { format: 'spdx', findings: [], packages: found, rejected: items.rejected }
}

function isNoPackage(purpose: string | null | undefined): boolean {
  return purpose === 'CONTAINER' || purpose === 'OPERATING-SYSTEM'
}

function packageOf(
  { name, versionInfo, externalRefs }: z.output<typeof spdxPackage>,
  paths: readonly string[],
): ReportedPackage {
  const purl = (externalRefs ?? []).find(
    ({ referenceType }) => referenceType === 'purl',
  )?.referenceLocator
  return {
    kind: kindOf(purlType(purl)),
    name,
    version: versionInfo ?? '',
    ...(purl === undefined ? {} : { purl }),
    paths,
  }
}
