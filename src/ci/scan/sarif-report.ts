import { z } from 'zod'
import { Items, text } from './items.ts'
import {
  imagePath,
  kindOf,
  type PackageKind,
  type ReportedFinding,
  type ScanReport,
  severityOf,
  severityOfScore,
  type SeverityName,
} from '../../supplychain/findings/report.ts'

const message = z.looseObject({ text }).nullish()
const rule = z.looseObject({
  id: z.string(),
  shortDescription: message,
  properties: z
    .looseObject({ 'security-severity': z.union([z.string(), z.number()]).nullish() })
    .nullish(),
})
const result = z.looseObject({
  ruleId: z.string().min(1),
  message,
  locations: z
    .array(
      z.looseObject({
        physicalLocation: z
          .looseObject({ artifactLocation: z.looseObject({ uri: text }).nullish() })
          .nullish(),
      }),
    )
    .nullish(),
})
const run = z.looseObject({
  tool: z.looseObject({ driver: z.looseObject({ name: text, rules: z.unknown().optional() }) }),
  results: z.unknown().optional(),
})
const log = z.looseObject({ runs: z.unknown().optional() })

type Result = z.output<typeof result>
type Rule = z.output<typeof rule>

export function isSarif(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'runs' in value
}

/**
 * SARIF of Trivy or Grype: the message of each result contains package and version. Results of other tools are not
 * read.
 */
export function readSarif(value: unknown): ScanReport {
  const items = new Items()
  const findings: ReportedFinding[] = []
  for (const { tool, results } of items.of(log.parse(value).runs, run)) {
    const rules = new Map(items.of(tool.driver.rules, rule).map((one) => [one.id, one]))
    for (const one of items.of(results, result)) {
      const found = findingOf(one, rules.get(one.ruleId))
      if (found === undefined) items.rejected += 1
      else findings.push(found)
    }
  }
  const packages = findings.map((finding) => finding.package)
  return { format: 'sarif', findings, packages, rejected: items.rejected }
}

function findingOf(one: Result, about: Rule | undefined): ReportedFinding | undefined {
  const message = one.message?.text ?? ''
  const fields = trivyFields(message) ?? grypeFields(message)
  if (fields === undefined) return undefined
  const score = Number(about?.properties?.['security-severity'] ?? Number.NaN)
  const { id = one.ruleId, severity, name, version, fixed, kind } = fields
  const title = about?.shortDescription?.text
  const uris = (one.locations ?? []).map((each) => each.physicalLocation?.artifactLocation?.uri)
  const paths = kind === 'os' ? [] : uris.map(pathOf).filter((path) => path !== undefined)
  return {
    id,
    severity: severity ?? severityOfScore(score),
    package: { kind, name, version, paths },
    fixed,
    ...(title === undefined ? {} : { title }),
  }
}

interface ScannerFields {
  readonly id?: string
  readonly severity?: SeverityName
  readonly name: string
  readonly version: string
  readonly fixed: readonly string[]
  readonly kind: PackageKind
}

/** Trivy writes one field on each line. The kind of the package is not among them. */
function trivyFields(message: string): ScannerFields | undefined {
  const fields = new Map(
    message.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(': ')
      return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 2)]
    }),
  )
  const name = fields.get('Package')
  if (name === undefined || name === '') return undefined
  const id = [...fields.keys()].find((key) => key.startsWith('Vulnerability '))
  const fixed = fields.get('Fixed Version') ?? ''
  return {
    ...(id === undefined ? {} : { id: id.slice('Vulnerability '.length) }),
    severity: severityOf(fields.get('Severity')),
    name,
    version: fields.get('Installed Version') ?? '',
    fixed: fixed === '' ? [] : fixed.split(',').map((each) => each.trim()),
    kind: 'other',
  }
}

const grypeSentence =
  /^An? (\w+) vulnerability in (\S+) package: ([^\s,]+), version ([^\s,]+) was found/

function grypeFields(message: string): ScannerFields | undefined {
  const match = grypeSentence.exec(message)
  if (match === null) return undefined
  const [, severity, type, name = '', version = ''] = match
  return { severity: severityOf(severity), name, version, fixed: [], kind: kindOf(type) }
}

function pathOf(uri: string | undefined): string | undefined {
  try {
    return imagePath(decodeURIComponent(uri ?? ''))
  } catch {
    return undefined
  }
}
