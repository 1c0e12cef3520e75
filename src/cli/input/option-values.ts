import { InvalidArgumentError, Option } from 'commander'
import { parseDuration } from '../../support/config/duration.ts'
import { SnugError } from '../../errors.ts'

/** A length of time, handed on as it was written. */
export function parseFor(text: string): string {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return text
  throw new InvalidArgumentError('It must be a duration such as 15m.')
}

/** How long to wait, in milliseconds; a bare number is seconds. */
export function parseWait(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : parseDuration(text)
  if (ms !== undefined && ms <= 86_400_000) return ms
  throw new InvalidArgumentError('It must be a duration such as 30s, at most a day.')
}

/** The owner of the Grafeas notes. */
export function grafeasProjectOption(): Option {
  const what = 'Grafeas project of the notes: `projects/NAME/notes/…`'
  return new Option('--grafeas-project <name>', what).default('snug')
}

/** A share above 0, at most 1. */
export function parseShare(text: string): number {
  const share = Number(text)
  if (text.trim() !== '' && share > 0 && share <= 1) return share
  throw new InvalidArgumentError('It must be a share such as 0.1; 1 is all of them.')
}

/** A whole number from 1 to 10,000. */
export function parseCount(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= 10_000) return value
  throw new InvalidArgumentError('It must be a number from 1 to 10000.')
}

/** RFC 3339, or a length of time that is added to now. */
export function parseUntil(text: string): string {
  return momentOf(text, 1) ?? badTime('It must be a time such as 2026-12-01T00:00:00Z, or 7d.')
}

/** RFC 3339, or a length of time that is taken from now. */
export function parseMoment(text: string): string {
  const moment = momentOf(text, -1)
  if (moment !== undefined) return moment
  const how =
    'is neither a time such as `2026-12-01T00:00:00Z` nor a duration such as `2h` (two hours ago)'
  throw new SnugError('USAGE', `\`${text}\` ${how}`)
}

function momentOf(text: string, sign: 1 | -1): string | undefined {
  const duration = parseDuration(text)
  if (duration !== undefined) return new Date(Date.now() + sign * duration).toISOString()
  const moment = new Date(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(moment.getTime())) return undefined
  return moment.toISOString()
}

function badTime(message: string): never {
  throw new InvalidArgumentError(message)
}
