import {
  constants,
  type NodeGCPerformanceDetail,
  type PerformanceEntry,
  PerformanceObserver,
} from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** How much the heap may grow over its live part before it is collected, in percent. */
const growth = 25
/** While the state is loaded: collections would take a third of that time. */
const growthAtLoad = 100
/** Free part of the old generation's pages, of the used part, from which the next collection puts pages together. */
const mostFree = 0.45
/** The least time between two collections that put pages together where less is free, in milliseconds. */
const compactionPauseMs = 5_000

let isSlow = false

/**
 * Keeps the heap near its live size. V8 otherwise lets it double or more on a machine with much memory. Its limit
 * follows the cgroup of the process by itself. To be called before other modules are loaded.
 */
export function growHeapSlowly(): void {
  isSlow = true
  grow(growth)
  // The young generation has a bound in the environment of the shipped service and image, as what it holds is moved in
  // the same pause. Its collections are too short to share: on a busy machine they would wait for a thread that does not
  // run.
  setFlagsFromString('--no-parallel-scavenge')
  compactWhereItPays()
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

/**
 * By itself V8 puts pages together that are mostly free, and with `--optimize-for-size` also those of which a fifth is.
 * Such a collection forgets hidden classes without an object at that moment. Code that was compiled for them is compiled
 * again, so it has to be rare.
 */
function compactWhereItPays(): void {
  let compacts = false
  let soon: NodeJS.Timeout | undefined
  const compact = (next: boolean): void => {
    compacts = next
    setFlagsFromString(compacts ? '--optimize-for-size' : '--no-optimize-for-size')
  }
  compact(true)
  const observer = new PerformanceObserver((list) => {
    if (!list.getEntries().some(isOfAll)) return
    if (compacts) {
      compact(false)
      clearTimeout(soon)
      soon = setTimeout(() => compact(true), compactionPauseMs).unref()
    } else if (freeOverUsed() > mostFree) compact(true)
  })
  observer.observe({ entryTypes: ['gc'] })
}

/** The type of an entry leaves its detail out. */
function isOfAll(entry: PerformanceEntry & { readonly detail?: unknown }): boolean {
  const { kind } = entry.detail as NodeGCPerformanceDetail
  return kind === constants.NODE_PERFORMANCE_GC_MAJOR
}

function freeOverUsed(): number {
  const old = getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')
  return old === undefined ? 0 : old.space_size / old.space_used_size - 1
}
