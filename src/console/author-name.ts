import { createHash } from 'node:crypto'

/** The API server takes that many characters as the name of a field manager. */
const longest = 128
const prefix = 'console:'

/**
 * The author of a decision in an ImageProfile: `console:oidc:NAME`. The API server takes printable characters only, and
 * not too many: a longer name ends with a hash of all of it, so that two people never share one.
 */
export function authorName(who: string): string {
  const name = `${prefix}${who}`
  const printable = name.replace(/[^\x20-\x7e]/g, '?')
  if (printable === name && name.length <= longest) return name
  const hash = createHash('sha256').update(who).digest('hex').slice(0, 16)
  return `${printable.slice(0, longest - hash.length - 1)}~${hash}`
}
