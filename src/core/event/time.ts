/** Microseconds since the epoch: what an RFC 3339 time of an event means, as one number. */
export type Micros = number

/** `d` stands for a digit. Checked by hand: every event of a replay passes here. */
const frame = 'dddd-dd-ddTdd:dd:dd'
const minuteEnd = 16
const DIGIT = 'd'.charCodeAt(0)

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** True for the form that events carry: RFC 3339, UTC, `Z`, up to nine digits of a second. */
export function isEventTime(text: string): boolean {
  const end = text.length - 1
  if (end < 19 || end > 29 || text[end] !== 'Z') return false
  // What follows a minute that was checked before begins behind it.
  const checked = text.slice(0, minuteEnd) === cachedMinute ? minuteEnd : 0
  for (let i = checked; i < 19; i++) {
    const expected = frame.charCodeAt(i)
    const code = text.charCodeAt(i)
    if (expected === DIGIT ? !isDigit(code) : code !== expected) return false
  }
  if (end > 19) {
    if (text[19] !== '.' || end === 20) return false
    for (let i = 20; i < end; i++) if (!isDigit(text.charCodeAt(i))) return false
  }
  return digits(text, 17, 19) < 60 && !Number.isNaN(minuteOf(text))
}

function digits(text: string, from: number, to: number): number {
  let value = 0
  for (let i = from; i < to; i++) value = value * 10 + (text.charCodeAt(i) - 48)
  return value
}

let cachedMinute = ''
let cachedMicros = Number.NaN

/** Events of one burst share their minute: the calendar is worked out once for all of them. */
function minuteOf(text: string): Micros {
  const minute = text.slice(0, minuteEnd)
  if (minute !== cachedMinute) {
    cachedMinute = minute
    const millis = Date.parse(`${cachedMinute}:00Z`)
    // 31 February is a time to Date.parse of some engines, and turns into 3 March.
    const same = !Number.isNaN(millis) && new Date(millis).toISOString().startsWith(cachedMinute)
    cachedMicros = same ? millis * 1000 : Number.NaN
  }
  return cachedMicros
}

/** `text` must satisfy {@link isEventTime}; what does not gives NaN or a wrong number, never an error. */
export function microsOf(text: string): Micros {
  let micros = minuteOf(text) + digits(text, 17, 19) * 1_000_000
  const end = Math.min(text.length - 1, 26)
  let unit = 100_000
  for (let i = 20; i < end; i++) {
    micros += (text.charCodeAt(i) - 48) * unit
    unit /= 10
  }
  return micros
}

let cachedSecond = Number.NaN
let cachedText = ''

/** RFC 3339 with six digits of a second, so that text order is time order. */
export function isoOf(micros: Micros): string {
  const second = Math.floor(micros / 1_000_000)
  // Evidence of one burst shares its second: the calendar is worked out once for all of it.
  if (second !== cachedSecond) {
    cachedText = new Date(second * 1000).toISOString().slice(0, 20)
    cachedSecond = second
  }
  const rest = Math.floor(micros - second * 1_000_000)
  return `${cachedText}${String(rest).padStart(6, '0')}Z`
}

/** A time in UTC, of what an engine reports as one; undefined where it is none. */
export function utcTime(reported: string | undefined): string | undefined {
  const ms = Date.parse(reported ?? '')
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString()
}
