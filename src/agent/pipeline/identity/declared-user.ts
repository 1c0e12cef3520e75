import { readImageFile } from './image-text.ts'
import { linesOf } from './text-lines.ts'

/**
 * The uid that a container is declared to run as.
 *
 * @param declared from the image or container: `app`, `1000`, `app:web`; empty: root
 * @param layers of the image, topmost first, to look up a name in its `/etc/passwd`
 * @returns undefined if a name cannot be looked up; also where the file is too large to be one
 */
export function declaredUid(declared: string, layers: readonly string[]): number | undefined {
  const [name = ''] = declared.split(':')
  if (name === '') return 0
  if (/^\d{1,10}$/.test(name)) return Number(name)
  const passwd = readImageFile(layers, '/etc/passwd') ?? ''
  for (const line of linesOf(passwd)) {
    if (!line.startsWith(`${name}:`)) continue
    const [user, , uid = ''] = line.split(':', 3)
    if (user === name && /^\d{1,10}$/.test(uid)) return Number(uid)
  }
  return undefined
}
