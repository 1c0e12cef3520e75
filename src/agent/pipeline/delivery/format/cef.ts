import type { Alert } from '../../../../core/event/alert.ts'
import { alertClass, classTitle, onScale, type Product, sentence } from './alert-facts.ts'
import { flatFields } from './flat-fields.ts'
import { visible } from './line-text.ts'

export const cefSeverities = { low: 3, medium: 5, high: 8, critical: 10 } as const

/** The alert in the Common Event Format, version 0. */
export function toCef(alert: Alert, product: Product): string {
  const head = [alertClass(alert), classTitle(alert), onScale(cefSeverities, alert)]
  return cefLine(product, head, fields(alert))
}

type Field = readonly [string, string | number]

/** `head`: class of the event, its name, and its severity from 0 to 10. */
export function cefLine(
  product: Product,
  head: readonly (string | number)[],
  extension: readonly Field[],
): string {
  const { vendor, name, version } = product
  const fixed = ['CEF:0', ...[vendor, name, version, ...head].map((part) => headText(String(part)))]
  const pairs = extension.map(([key, value]) => `${key}=${valueText(String(value))}`)
  return `${fixed.join('|')}|${pairs.join(' ')}`
}

function fields(alert: Alert): readonly Field[] {
  const flat = flatFields(alert)
  const custom: readonly (readonly [string, string | undefined])[] = [
    ['image', flat.image],
    ['container', flat.container],
    ['workload', flat.workload],
    ['reasons', alert.reasons.join('; ')],
    ['guardrails', alert.guardrails.join(',') || undefined],
    ['mode', alert.mode],
  ]
  const labelled = custom.flatMap(([label, value], at) =>
    value === undefined
      ? []
      : ([
          [`cs${at + 1}Label`, label],
          [`cs${at + 1}`, value],
        ] as const),
  )
  const known: readonly (readonly [string, string | number | undefined])[] = [
    ['externalId', alert.id],
    ['rt', flat.timeMs],
    ['start', flat.firstSeenMs],
    ['end', flat.lastSeenMs],
    ['cat', alert.type],
    ['act', alert.action],
    ['cnt', alert.count],
    ['dvchost', alert.node],
    ['sproc', flat.exe],
    ['spid', flat.pid],
    ['suid', flat.uid],
    ['suser', flat.person],
    ['src', flat.personAddress],
    ['filePath', flat.path],
    ['fileHash', flat.hash],
    ['dst', flat.address],
    ['dpt', flat.port],
    ['proto', flat.protocol],
    ['dhost', flat.hostName],
    ['msg', sentence(alert)],
    ['commandLine', flat.commandLine],
    ['attack', alert.attack.join(',') || undefined],
    ['unhashed', flat.unhashed],
    ['loaded', flat.loaded],
    ['persons', flat.persons],
    ['incident', alert.incident],
  ]
  const there = known.filter((field): field is Field => {
    return field[1] !== undefined
  })
  return [...there, ...labelled]
}

function headText(text: string): string {
  return visible(text).replace(/[\\|]/g, '\\$&')
}

/** CEF has an escape for line ends. Other unsafe characters become visible text. */
function valueText(text: string): string {
  return text
    .split(/(\r|\n)/)
    .map((part) => {
      if (part === '\n') return '\\n'
      if (part === '\r') return '\\r'
      return visible(part).replace(/[\\=]/g, '\\$&')
    })
    .join('')
}
