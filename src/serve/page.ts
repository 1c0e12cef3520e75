import { z } from 'zod'
import { SnugError } from '../errors.ts'

/**
 * Lists are read in pages: `limit` rows, and behind the last of them a cursor for the next page. A cursor names a row
 * and not a row number, so rows that are inserted meanwhile neither repeat nor hide any.
 */
export const rowsMax = 10_000

export const limit = z.coerce.number().int().min(1).max(rowsMax)
/** Opaque to callers; the name of a row once parsed. */
export const cursor = z
  .string()
  .regex(/^[\w-]{1,800}$/, { error: 'must come from a `Link` header', abort: true })
  .transform((text) => Buffer.from(text, 'base64url').toString('utf8'))

/** The answer of a list: its rows, or their container, and the position of the next page. */
export class Page {
  readonly body: object
  /** Name of the last row; undefined where no row comes after it. */
  readonly last: string | undefined

  constructor(body: object, last: string | undefined) {
    this.body = body
    this.last = last
  }
}

/** `rows`: one more than `limit` where there are more. */
export function pageOf<Row>(
  rows: readonly Row[],
  limit: number | undefined,
  nameOf: (row: Row) => string,
  bodyOf: (rows: readonly Row[]) => object = (some) => some,
): Page {
  const shown = limit === undefined ? rows : rows.slice(0, limit)
  const last = shown.length < rows.length ? shown.at(-1) : undefined
  return new Page(bodyOf(shown), last === undefined ? undefined : nameOf(last))
}

/** Read one row more than a page holds: it shows whether there is a next page. */
export function oneMore(limit: number | undefined): { readonly limit?: number } {
  return limit === undefined ? {} : { limit: limit + 1 }
}

/** RFC 8288: the same request with the next cursor. `path` is as it was asked for. */
export function nextLink(
  path: string,
  query: Readonly<Record<string, string>>,
  last: string,
): string {
  const next = new URLSearchParams(query)
  next.set('cursor', Buffer.from(last, 'utf8').toString('base64url'))
  return `<${path}?${next.toString()}>; rel="next"`
}

/** Errors: BODY_INVALID where the cursor is not one of this list. */
export function numberOf(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const value = Number(cursor)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new SnugError('BODY_INVALID', '`cursor`: must come from a `Link` header')
}
