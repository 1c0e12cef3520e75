import type { ImageRef } from './event.ts'

/** No name of an image begins so: a unit and an image never share a lineage. */
const prefix = '_unit/'

/**
 * The repository that stands for a systemd unit. An `@` would begin a digest and a colon a tag: `getty@tty1.service`
 * is `_unit/getty/tty1.service`. A unit's name has no slash.
 */
export function unitRepository(unit: string): string {
  const [template = '', ...instance] = unit.split('@')
  return (
    prefix +
    [template, instance.join('@')]
      .filter((part) => part !== '')
      .map(quoted)
      .join('/')
  )
}

/** The unit that a repository stands for; undefined for that of an image. */
export function unitOf({ repository }: Pick<ImageRef, 'repository'>): string | undefined {
  if (!repository.startsWith(prefix)) return undefined
  return decodeURIComponent(repository.slice(prefix.length).replace('/', '@'))
}

function quoted(part: string): string {
  return part.replaceAll(/[^\w.-]/g, (character) => encodeURIComponent(character))
}
