/** Microseconds since the epoch: what an RFC 3339 time of an event means, as one number. */
export type Micros = number

const rfc3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/

/** True for the form that events carry: RFC 3339, UTC, `Z`, up to nine digits of a second. */
export function isEventTime(text: string): boolean {
  return rfc3339.test(text) && !Number.isNaN(Date.parse(text.slice(0, 19) + 'Z'))
}

function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + (text.charCodeAt(i) - 48)
  return value
}

let cachedMinute = ''
let cachedMicros = 0

/** `text` must satisfy {@link isEventTime}; what does not gives NaN or a wrong number, never an error. */
export function microsOf(text: string): Micros {
  // Events of one burst share their minute: the calendar is worked out once for all of them.
  const minute = text.slice(0, 16)
  if (minute !== cachedMinute) {
    cachedMicros = Date.parse(`${minute}:00Z`) * 1000
    cachedMinute = minute
  }
  let micros = cachedMicros + digits(text, 17, 19) * 1_000_000
  const end = Math.min(text.length - 1, 26)
  let unit = 100_000
  for (let i = 20; i < end; i++) {
    micros += (text.charCodeAt(i) - 48) * unit
    unit /= 10
  }
  return micros
}

/** RFC 3339 with six digits of a second, so that text order is time order. */
export function isoOf(micros: Micros): string {
  const millis = Math.floor(micros / 1000)
  const rest = Math.round(micros - millis * 1000)
  return new Date(millis).toISOString().slice(0, 23) + String(rest).padStart(3, '0') + 'Z'
}
