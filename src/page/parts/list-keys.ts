import type { Binding } from '../base/keys.ts'

/** How one moves in a list with the keyboard alone. `page`: rows that a screen holds. */
export function listKeys(
  total: number,
  cursor: number,
  move: (to: number) => void,
  page = 12,
): readonly Binding[] {
  const to = (index: number) => () => move(Math.max(0, Math.min(total - 1, index)))
  return [
    { keys: 'j | ArrowDown', does: 'next', run: to(cursor + 1) },
    { keys: 'k | ArrowUp', does: 'previous', run: to(cursor - 1) },
    { keys: 'PageDown', does: 'a screen down', run: to(cursor + page) },
    { keys: 'PageUp', does: 'a screen up', run: to(cursor - page) },
    { keys: 'g g | Home', does: 'to the first', run: to(0) },
    { keys: 'G | End', does: 'to the last', run: to(total - 1) },
  ]
}
