import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../config/duration.ts'

/** A length of time, handed on as it was written. */
export function parseFor(text: string): string {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return text
  throw new InvalidArgumentError('It must be a length of time such as 15m.')
}

/** A share above 0, at most 1. */
export function parseShare(text: string): number {
  const share = Number(text)
  if (text.trim() !== '' && share > 0 && share <= 1) return share
  throw new InvalidArgumentError('It must be a share such as 0.1; 1 is all of them.')
}
