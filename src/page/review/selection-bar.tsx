import { count } from '../base/text.ts'

/** How many are ticked, and the keys that work on them: always there, so that nothing moves when one is ticked. */
export function SelectionBar({
  selected,
  onExplained,
  onNone,
}: {
  readonly selected: number
  readonly onExplained: () => void
  readonly onNone: () => void
}) {
  return (
    <div class="selection">
      <span role="status">{selected === 0 ? 'none ticked' : `${count(selected)} ticked`}</span>
      <button type="button" class="quiet" onClick={onExplained}>
        tick explained <kbd>e</kbd>
      </button>
      <button type="button" class="quiet" disabled={selected === 0} onClick={onNone}>
        none <kbd>esc</kbd>
      </button>
      <span class="muted keys">
        <kbd>j</kbd>
        <kbd>k</kbd> move <kbd>x</kbd> tick <kbd>a</kbd> allow <kbd>r</kbd> reject <kbd>u</kbd> undo{' '}
        <kbd>?</kbd> all
      </span>
    </div>
  )
}
