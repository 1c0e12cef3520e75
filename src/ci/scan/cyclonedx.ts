import { z } from 'zod'
import { Items, text } from './items.ts'
import {
  imagePath,
  kindOf,
  purlType,
  type ReportedFinding,
  type ReportedPackage,
  type ScanReport,
  severityNames,
  severityOf,
} from '../../supplychain/findings/report.ts'

const component = z.looseObject({
  'bom-ref': text,
  type: text,
  group: text,
  name: z.string().min(1),
  version: text,
  purl: text,
  properties: z.array(z.looseObject({ name: text, value: text })).nullish(),
  components: z.unknown().optional(),
})
const vulnerability = z.looseObject({
  id: z.string().min(1),
  description: text,
  ratings: z.array(z.looseObject({ severity: text })).nullish(),
  affects: z.array(z.looseObject({ ref: z.string() })).nullish(),
})
const bom = z.looseObject({
  components: z.unknown().optional(),
  vulnerabilities: z.unknown().optional(),
})

/** Where the generators that are common write down where they found a component. */
const pathProperty = /^(?:aquasecurity:trivy:FilePath|syft:location:\d+:path)$/

export function isCycloneDx(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && Reflect.get(value, 'bomFormat') === 'CycloneDX'
  )
}

/** CycloneDX as JSON, with vulnerabilities or without. */
export function readCycloneDx(value: unknown): ScanReport {
  const items = new Items()
  const { components, vulnerabilities } = bom.parse(value)
  const byRef = new Map<string, ReportedPackage>()
  const packages: ReportedPackage[] = []
  for (const one of allOf(components, items)) {
    if (one.type === 'operating-system' || one.type === 'file') continue
    const found = packageOf(one)
    packages.push(found)
    for (const ref of [one['bom-ref'], one.purl]) if (ref !== undefined) byRef.set(ref, found)
  }
  const findings = items.of(vulnerabilities, vulnerability).flatMap((one) => {
    return (one.affects ?? []).flatMap(({ ref }): readonly ReportedFinding[] => {
      // A reference into another document ends with the name that it has there.
      const found = byRef.get(ref) ?? byRef.get(ref.slice(ref.lastIndexOf('#') + 1))
      if (found === undefined) {
        items.rejected += 1
        return []
      }
      const { id, description } = one
      const severity = gravest((one.ratings ?? []).map((rating) => rating.severity))
      const title = description === undefined ? {} : { title: description }
      return [{ id, severity, package: found, fixed: [], ...title }]
    })
  })
  return { format: 'cyclonedx', findings, packages, rejected: items.rejected }
}

/** Assemblies have their components within them, to any depth. */
function* allOf(components: unknown, items: Items): Generator<z.output<typeof component>> {
  const waiting = [components]
  while (waiting.length > 0) {
    for (const one of items.of(waiting.pop(), component)) {
      yield one
      waiting.push(one.components)
    }
  }
}

function gravest(words: readonly (string | undefined)[]) {
  const found = words.map((word) => severityNames.indexOf(severityOf(word)))
  return severityNames[Math.max(0, ...found)] ?? 'unknown'
}

function packageOf({ name, group, version, purl, properties }: z.output<typeof component>) {
  const kind = kindOf(purlType(purl))
  const paths = (properties ?? [])
    .filter((property) => pathProperty.test(property.name ?? ''))
    .map((property) => imagePath(property.value))
    .filter((path) => path !== undefined)
  const isScoped = kind === 'node' && group !== undefined && group !== ''
  return {
    kind,
    name: isScoped ? `${group}/${name}` : name,
    version: version ?? '',
    ...(purl === undefined ? {} : { purl }),
    paths: kind === 'os' ? [] : paths,
  }
}
