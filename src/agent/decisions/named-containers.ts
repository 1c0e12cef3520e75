interface Named {
  readonly id: string
  readonly name?: string | undefined
}

/** Enough of an id to name a container. */
const idStart = /^[0-9a-f]{4,64}$/

/** The containers of that name; where there are none, those whose ids begin so. */
export function containersNamed<T extends Named>(
  text: string,
  containers: readonly T[],
): readonly T[] {
  const byName = containers.filter(({ name }) => name === text)
  if (byName.length > 0 || !idStart.test(text)) return byName
  return containers.filter(({ id }) => id.startsWith(text))
}
