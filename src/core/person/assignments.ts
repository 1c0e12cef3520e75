/**
 * Which right vertices each left one has in at least one matching that covers all of the left; undefined where there is
 * no such matching.
 *
 * @param edges of each left vertex, the right ones that it may have
 * @param rights how many right vertices there are
 */
export function assignments(
  edges: readonly (readonly number[])[],
  rights: number,
): readonly (readonly number[])[] | undefined {
  const owners = matching(edges, rights)
  if (owners === undefined) return undefined
  return edges.map((own, left) => own.filter((right) => canHave(edges, owners, left, right)))
}

/** The left vertex of each right one; absent: none. */
type Owners = readonly (number | undefined)[]

function matching(edges: readonly (readonly number[])[], rights: number): Owners | undefined {
  const owners: (number | undefined)[] = Array.from({ length: rights }, () => undefined)
  for (const left of edges.keys()) {
    if (!place(edges, owners, left, new Set())) return undefined
  }
  return owners
}

/** Gives `left` a right vertex, where the others can move; `closed` ones are not tried. */
function place(
  edges: readonly (readonly number[])[],
  owners: (number | undefined)[],
  left: number,
  closed: Set<number>,
): boolean {
  for (const right of edges[left] ?? []) {
    if (closed.has(right)) continue
    closed.add(right)
    const owner = owners[right]
    if (owner !== undefined && !place(edges, owners, owner, closed)) continue
    owners[right] = left
    return true
  }
  return false
}

/** Whether the owner of `right` finds another place if `left` takes it. */
function canHave(
  edges: readonly (readonly number[])[],
  owners: Owners,
  left: number,
  right: number,
): boolean {
  const owner = owners[right]
  if (owner === left || owner === undefined) return true
  const tried = owners.map((each) => (each === left ? undefined : each))
  tried[right] = left
  return place(edges, tried, owner, new Set([right]))
}
