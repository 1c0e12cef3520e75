import { Foreign } from '../../page/parts/foreign.tsx'

type Fact = readonly [what: string, text: string | undefined]

/** Facts of a list `facts`. One without a text is left out. */
export function TextFacts({
  facts,
  words = false,
}: {
  readonly facts: readonly Fact[]
  /** They are texts to read, and not names or paths. */
  readonly words?: boolean
}) {
  return facts.map(([what, text]) =>
    text === undefined || text === '' ? null : (
      <>
        <dt>{what}</dt>
        <dd>
          <Foreign text={text} words={words} />
        </dd>
      </>
    ),
  )
}
