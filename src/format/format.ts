import type { Alert } from '../event/alert.ts'
import type { Product } from './alert-facts.ts'
import { toCef } from './cef.ts'
import { toEcs } from './ecs.ts'
import { toFalco } from './falco.ts'
import { toLeef } from './leef.ts'
import { lineJson } from './line-text.ts'
import { toOcsf } from './ocsf.ts'
import { type Cut, cuts } from './shorten.ts'

export const alertFormats = ['json', 'ecs', 'ocsf', 'cef', 'leef', 'falco'] as const
export type AlertFormat = (typeof alertFormats)[number]

/** One alert as one line, without a line end. */
export type Render = (alert: Alert) => string

/** Pure: the same alert gives the same line. */
export function renderer(format: AlertFormat, product: Product): Render {
  switch (format) {
    case 'json':
      return lineJson
    case 'ecs':
      return (alert) => lineJson(toEcs(alert, product))
    case 'ocsf':
      return (alert) => lineJson(toOcsf(alert, product))
    case 'falco':
      return (alert) => lineJson(toFalco(alert))
    case 'cef':
      return (alert) => toCef(alert, product)
    case 'leef':
      return (alert) => toLeef(alert, product)
  }
}

/** Whether each line is a JSON object. */
export function isJson(format: AlertFormat): boolean {
  return format !== 'cef' && format !== 'leef'
}

const encoder = new TextEncoder()

/**
 * The same in at most `maxBytes`: long arguments, ancestors and texts of the alert are shortened until it fits, so
 * that what arrives is whole. One that fits in no way is cut at the end.
 */
export function renderWithin(render: Render, maxBytes: number): Render {
  return (alert) => {
    let line = render(alert)
    // Three bytes a code unit at most: no need to count most lines.
    if (line.length * 3 <= maxBytes) return line
    for (const cut of [undefined, ...cuts] satisfies readonly (Cut | undefined)[]) {
      line = cut === undefined ? line : render(cut(alert))
      if (encoder.encode(line).length <= maxBytes) return line
    }
    return endAt(line, maxBytes)
  }
}

function endAt(line: string, maxBytes: number): string {
  const bytes = encoder.encode(line)
  let end = maxBytes
  // Not within a character.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return new TextDecoder().decode(bytes.subarray(0, end))
}
