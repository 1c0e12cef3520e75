import { type FleetImage, profileName } from '../fleet-image.ts'

/**
 * Keys of a bucket, and so subjects of NATS: rights are given by their beginnings. A node writes below
 * `slices.NODE`; who may decide writes below `decisions`.
 */
export function sliceKey(node: string, image: FleetImage, page: number): string {
  return `${slicesOf(node, image)}${page}`
}

/** The beginning of the keys of all slices that the node has of the version. */
export function slicesOf(node: string, image: FleetImage): string {
  return `slices.${nodeToken(node)}.${profileName(image)}.`
}

/** Of the page in a key; undefined where it is not the key of that node's slice of that image. */
export function pageIn(key: string, node: string, image: FleetImage): number | undefined {
  const page = Number(/\.(\d{1,6})$/.exec(key)?.[1])
  return sliceKey(node, image, page) === key ? page : undefined
}

/** In place of a behaviour: the decision on the mode. */
export const modeSubject = 'mode'

/** In place of a behaviour: a hold. */
export function holdSubject(id: string): string {
  return `hold-${id}`
}

/** In place of a behaviour: a closed incident. */
export function closingSubject(id: string): string {
  return `close-${id}`
}

/** @param subject id of a behaviour, {@link modeSubject}, a {@link holdSubject} or a {@link closingSubject} */
export function decisionKey(image: FleetImage, subject: string): string {
  return `${decisionsOf(image)}${subject}`
}

/** The beginning of the keys of all decisions on the version. */
export function decisionsOf(image: FleetImage): string {
  return `decisions.${profileName(image)}.`
}

/**
 * The name of a node as one token. A node's name may have dots, which separate in a subject: a right on the subjects of
 * `web` would be one on those of `web.example.com`. `=2E` stands for a dot.
 */
export function nodeToken(node: string): string {
  return [...Buffer.from(node)]
    .map((byte) => {
      const letter = String.fromCharCode(byte)
      if (/[A-Za-z0-9_-]/.test(letter)) return letter
      return `=${byte.toString(16).toUpperCase().padStart(2, '0')}`
    })
    .join('')
}
