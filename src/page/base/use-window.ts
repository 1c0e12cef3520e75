import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from './api.ts'
import { pulse } from './live.ts'
import { type WindowAnswer, WindowSource } from './window-source.ts'

export interface Windowed<Row, Answer> {
  /** The latest answer: its totals and counts. */
  readonly answer: Answer | undefined
  readonly problem: Problem | undefined
  readonly row: (index: number) => Row | undefined
  readonly look: (from: number, to: number) => void
  readonly refresh: () => void
}

/**
 * A long list of the agent's, in windows. `pathOf` must change with `name` and with nothing else.
 *
 * @param name of this very list: another name is another list
 */
export function useWindow<Row, Answer extends WindowAnswer>(
  name: string,
  pathOf: (offset: number, limit: number) => string,
  rowsOf: (answer: Answer) => readonly Row[],
): Windowed<Row, Answer> {
  const [state, setState] = useState<{
    readonly answer?: Answer | undefined
    readonly problem?: Problem | undefined
  }>({})
  const source = useRef<WindowSource<Row, Answer> | undefined>(undefined)
  const beat = pulse.value

  useEffect(() => {
    const own = new WindowSource<Row, Answer>(pathOf, rowsOf, (answer, problem) =>
      setState((before) => ({ answer: answer ?? before.answer, problem })),
    )
    source.current = own
    own.look(0, 0)
    return () => own.close()
  }, [name])

  useEffect(() => {
    if (beat > 0) source.current?.refresh()
  }, [beat])

  return {
    answer: state.answer,
    problem: state.problem,
    row: (index) => source.current?.row(index),
    look: (from, to) => source.current?.look(from, to),
    refresh: () => source.current?.refresh(),
  }
}
