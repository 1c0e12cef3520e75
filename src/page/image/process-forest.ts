import type { PictureView, ProgramView, RunView } from '../../api/page-views.ts'

/**
 * A program below the one that starts it; a program that several others start is expanded once and only named
 * elsewhere.
 */
export interface Branch {
  readonly index: number
  readonly program: ProgramView
  /** How it is started; absent at the root. */
  readonly run: RunView | undefined
  readonly again: boolean
  readonly branches: readonly Branch[]
}

/** Breadth first, so that each program is expanded as close to the entrypoint as possible. */
export function forestOf({ programs, runs }: PictureView): readonly Branch[] {
  const children = new Map<number, RunView[]>()
  const started = new Set<number>()
  for (const run of runs) {
    if (run.from === run.to) continue
    started.add(run.to)
    children.set(run.from, [...(children.get(run.from) ?? []), run])
  }
  const roots = programs.map((_, i) => i).filter((i) => !started.has(i))
  const parents = placed(roots, children, programs.length)
  const done = new Set<number>()
  const grow = (index: number, run: RunView | undefined, parent: number): readonly Branch[] => {
    const program = programs[index]
    if (program === undefined) return []
    // As several users it is started several times by one and the same.
    const again = done.has(index) || (run !== undefined && parents.get(index) !== parent)
    if (!again) done.add(index)
    const own = again ? [] : (children.get(index) ?? []).toSorted(byName(programs))
    const branches = own.flatMap((child) => grow(child.to, child, index))
    return [{ index, program, run, again, branches }]
  }
  const rest = programs.map((_, i) => i).filter((i) => parents.get(i) === -1)
  return rest.flatMap((root) => grow(root, undefined, -1))
}

/** The one place of each program: index → parent, -1 for a root. What only a circle leads to has its first as root. */
function placed(
  roots: readonly number[],
  children: ReadonlyMap<number, readonly RunView[]>,
  size: number,
): ReadonlyMap<number, number> {
  const parents = new Map<number, number>()
  const spread = (from: readonly number[]): void => {
    const queue = [...from]
    for (const root of from) parents.set(root, -1)
    for (const at of queue) {
      for (const { to } of children.get(at) ?? []) {
        if (parents.has(to)) continue
        parents.set(to, at)
        queue.push(to)
      }
    }
  }
  spread(roots)
  for (let i = 0; i < size; i++) if (!parents.has(i)) spread([i])
  return parents
}

function byName(programs: readonly ProgramView[]): (a: RunView, b: RunView) => number {
  const name = ({ to }: RunView): string => programs[to]?.script ?? programs[to]?.exe ?? ''
  return (a, b) => (name(a) < name(b) ? -1 : 1)
}
