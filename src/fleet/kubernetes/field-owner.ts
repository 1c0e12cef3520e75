import { compareText } from '../../core/profile/profile-entry.ts'
import type { ManagedFields } from './object.ts'

/**
 * The last author of this part of an object: the latest of the field managers that own it, else of those that own its
 * parent. `path` has keys as the server writes them: `f:spec`, `f:mode`.
 */
export function ownerOf(
  managers: readonly ManagedFields[],
  path: readonly string[],
): ManagedFields | undefined {
  for (let length = path.length; length > 0; length--) {
    const owners = managers.filter(({ fieldsV1 }) => owns(fieldsV1, path.slice(0, length)))
    if (owners.length > 0) return owners.sort((a, b) => compareText(b.time ?? '', a.time ?? ''))[0]
  }
  return undefined
}

function owns(fields: object | undefined, path: readonly string[]): boolean {
  let at: unknown = fields
  for (const key of path) {
    if (typeof at !== 'object' || at === null || !(key in at)) return false
    at = (at as Readonly<Record<string, unknown>>)[key]
  }
  return at !== undefined
}
