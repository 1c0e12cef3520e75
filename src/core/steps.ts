/** Work that pauses wherever it yields; what it reads may have changed when it goes on. */
export type Steps<T> = Generator<undefined, T, undefined>

/** Does the work without a pause. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

/** Items that cost less than a pause does are looked at so many at a time. */
export const lookedAtOnce = 64

const sortedAtOnce = 512

/** A sorted copy. Equal items keep their order. */
export function* sorted<T>(items: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  let runs: T[][] = []
  for (let at = 0; at < items.length; at += sortedAtOnce) {
    runs.push(items.slice(at, at + sortedAtOnce).sort(compare))
    yield
  }
  while (runs.length > 1) {
    const joined: T[][] = []
    for (let at = 0; at < runs.length; at += 2) {
      joined.push(yield* merged(runs[at] ?? [], runs[at + 1] ?? [], compare))
    }
    runs = joined
  }
  return runs[0] ?? []
}

function* merged<T>(a: readonly T[], b: readonly T[], compare: (a: T, b: T) => number): Steps<T[]> {
  const all: T[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    const [left, right] = [a[i] as T, b[j] as T]
    if (compare(left, right) <= 0) {
      all.push(left)
      i += 1
    } else {
      all.push(right)
      j += 1
    }
    if (all.length % sortedAtOnce === 0) yield
  }
  while (i < a.length) all.push(a[i++] as T)
  while (j < b.length) all.push(b[j++] as T)
  return all
}
