import type { Alert } from '../../../../core/event/alert.ts'
import { alertClass, classTitle, onScale, type Product, sentence } from './alert-facts.ts'
import { cefSeverities } from './cef.ts'
import { flatFields } from './flat-fields.ts'
import { visible } from './line-text.ts'

/**
 * The alert in the Log Event Extended Format, version 2.0, with tabs between attributes. The format
 * has no escape sequence, so a tab in a value becomes visible text like every other control
 * character.
 */
export function toLeef(alert: Alert, product: Product): string {
  const flat = flatFields(alert)
  return leefLine(product, alertClass(alert), [
    ['devTime', flat.timeMs],
    ['cat', alert.type],
    ['sev', onScale(cefSeverities, alert)],
    ['identHostName', alert.node],
    ['id', alert.id],
    ['name', classTitle(alert)],
    ['action', alert.action],
    ['mode', alert.mode],
    ['count', alert.count],
    ['firstSeen', flat.firstSeenMs],
    ['lastSeen', flat.lastSeenMs],
    ['image', flat.image],
    ['container', flat.container],
    ['workload', flat.workload],
    ['process', flat.exe],
    ['pid', flat.pid],
    ['uid', flat.uid],
    ['usrName', flat.person],
    ['src', flat.personAddress],
    ['commandLine', flat.commandLine],
    ['resource', flat.path],
    ['fileHash', flat.hash],
    ['unhashed', flat.unhashed],
    ['dst', flat.address],
    ['dstPort', flat.port],
    ['proto', flat.protocol],
    ['guardrails', alert.guardrails.join(',') || undefined],
    ['attack', alert.attack.join(',') || undefined],
    ['loaded', flat.loaded],
    ['persons', flat.persons],
    ['incident', alert.incident],
    ['msg', sentence(alert)],
  ])
}

/** `what`: class of the event. */
export function leefLine(
  product: Product,
  what: string,
  attributes: readonly (readonly [string, string | number | undefined])[],
): string {
  const head = ['LEEF:2.0', product.vendor, product.name, product.version, what, 'x09']
  const there = attributes.filter(([, value]) => value !== undefined)
  const body = there.map(([key, value]) => `${key}=${visible(String(value))}`).join('\t')
  return `${head.map(headText).join('|')}|${body}`
}

/** INVARIANT: the header has no text that a container chose. */
function headText(text: string): string {
  return visible(text).replaceAll('|', '_')
}
