/** The subject of a node below that of all: a node's name may have dots, which separate in a subject. */
export function reportSubject(prefix: string, node: string): string {
  const name = encodeURIComponent(node).replace(/[.*]/g, (c) => (c === '.' ? '%2E' : '%2A'))
  return `${prefix}.${name}`
}
