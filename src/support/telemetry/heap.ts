import { setFlagsFromString } from 'node:v8'

/** How much the heap may grow over its live part before it is collected, in percent. */
const growth = 25
/** The same while the state is loaded: collections would take a third of that time. */
const growthAtLoad = 100

let isSlow = false

/**
 * Keeps the heap near its live size. V8 otherwise lets it double or more on a machine with much memory. Its limit
 * follows the cgroup of the process by itself. To be called before other modules are loaded.
 */
export function growHeapSlowly(): void {
  isSlow = true
  grow(growth)
  // Pages of which a fifth is unused are put together. Without it, most of a page has to be unused: some 30 MiB more. The
  // young generation has a bound in the environment of the shipped service and image, as what it holds is moved in the
  // same pause.
  setFlagsFromString('--optimize-for-size')
  // Its collections are too short to share: on a busy machine they would wait for a thread that does not run.
  setFlagsFromString('--no-parallel-scavenge')
}

/** Lets the heap grow faster until the work ends: little else needs the memory then. */
export async function withRoomToLoad<T>(work: () => Promise<T>): Promise<T> {
  if (!isSlow) return work()
  grow(growthAtLoad)
  try {
    return await work()
  } finally {
    grow(growth)
  }
}

function grow(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`)
}
