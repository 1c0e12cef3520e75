import { setFlagsFromString } from 'node:v8'

/** How much the heap may grow over its live part before it is collected, in percent. */
const growth = 30

/**
 * Keeps the heap near its live size. V8 otherwise lets it double or more on a machine with much memory. Its limit
 * follows the cgroup of the process by itself. To be called before other modules are loaded.
 */
export function growHeapSlowly(): void {
  setFlagsFromString(`--heap-growing-percent=${growth}`)
  // The young generation keeps its first size, and survivors of bursts do not enlarge it.
  setFlagsFromString('--semi-space-growth-factor=1')
  // Pages of which a fifth is unused are put together. Without it, most of a page has to be unused.
  setFlagsFromString('--optimize-for-size')
}
