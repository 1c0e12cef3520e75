import { z } from 'zod'
import type { NamesChange, StoredNames } from '../../pipeline/identity/answered-names.ts'
import type { StoreWrite } from '../store/store.ts'

/** The names by which one container found addresses. */
const prefix = 'names '

const namesSchema = z.object({
  resolvers: z.array(z.string()),
  named: z.array(z.tuple([z.string(), z.string(), z.number()])),
})

export function namesWrite({ containerId, names }: NamesChange): StoreWrite {
  const key = `${prefix}${containerId}`
  return names === undefined ? { kind: 'meta-removed', key } : { kind: 'meta', key, value: names }
}

/**
 * Calls `restore` with what is stored of each container, and `damaged` with the key of what cannot be read.
 */
export function restoreNames(
  meta: Readonly<Record<string, unknown>>,
  restore: (containerId: string, names: StoredNames) => void,
  damaged: (key: string) => void,
): void {
  for (const [key, value] of Object.entries(meta)) {
    if (!key.startsWith(prefix)) continue
    const read = namesSchema.safeParse(value)
    if (read.success) restore(key.slice(prefix.length), read.data)
    else damaged(key)
  }
}
