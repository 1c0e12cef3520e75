import { uptime } from 'node:os'
import { isEventTime, isoOf } from '../../core/event/time.ts'
import { asBag, asNumber } from './json-fields.ts'

/** Below this, nanoseconds date before 2001: such a clock counts from boot, not from 1970. */
const bootClockNs = 1e18

/**
 * Converts a sensor's time to the time of an event. It accepts RFC 3339 with any offset, seconds,
 * milliseconds, microseconds or nanoseconds since 1970, nanoseconds since boot (of this machine),
 * and `{seconds, nanos}`. Undefined for anything else.
 */
export function sensorTime(value: unknown, now: Date): string | undefined {
  if (typeof value === 'string' && isEventTime(value)) return value
  const number = asNumber(value)
  if (number !== undefined) return number > 0 ? isoOf(microsOfNumber(number, now)) : undefined
  if (typeof value === 'string') {
    const millis = Date.parse(value)
    return Number.isNaN(millis) ? undefined : new Date(millis).toISOString()
  }
  const bag = asBag(value)
  const seconds = asNumber(bag?.['seconds'])
  if (seconds === undefined) return undefined
  return isoOf(seconds * 1e6 + Math.floor((asNumber(bag?.['nanos']) ?? 0) / 1e3))
}

function microsOfNumber(number: number, now: Date): number {
  if (number >= bootClockNs) return Math.floor(number / 1e3)
  // 2001 to 2286 in each unit: the ranges do not overlap.
  if (number >= 1e9 && number < 1e10) return number * 1e6
  if (number >= 1e12 && number < 1e13) return number * 1e3
  if (number >= 1e15 && number < 1e16) return number
  const bootMicros = (now.getTime() - uptime() * 1_000) * 1e3
  return Math.floor(bootMicros + number / 1e3)
}
