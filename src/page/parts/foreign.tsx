import { escaped, pieces } from '../base/text.ts'

/**
 * A string that a container chose, or that contains one: never interpreted, wrapped anywhere, and cut off only where a
 * title shows all of it. `words`: a sentence rather than a name.
 */
export function Foreign({
  text,
  cut = false,
  words = false,
}: {
  readonly text: string
  readonly cut?: boolean
  readonly words?: boolean
}) {
  const name = `foreign${cut ? ' cut' : ''}${words ? ' words' : ''}`
  return (
    <span class={name} title={cut ? escaped(text) : undefined}>
      {pieces(text).map((piece) =>
        piece.escaped ? <i class="escape">{piece.text}</i> : piece.text,
      )}
    </span>
  )
}
