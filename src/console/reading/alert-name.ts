/** Ids are unique on a node; of two nodes with one id, each has its own alert. */
export function nameOf({ node, id }: { readonly node: string; readonly id: string }): string {
  return `${id} ${node}`
}
