import { useEffect, useState } from 'preact/hooks'
import type { EditTestResult } from '../../api/review-views.ts'
import { ask, imagePath, Problem } from '../base/api.ts'
import { count, plural } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'

/** Moving through the list must not run a test for each card. */
const restMs = 250
const rowsShown = 4

/** The effect of allowing it, judged on recorded events and on attacks; nothing is changed. */
export function BackTest({
  version,
  behaviours,
}: {
  readonly version: string
  readonly behaviours: readonly string[]
}) {
  const [result, setResult] = useState<EditTestResult | Problem | undefined>(undefined)
  const name = `${version} ${behaviours.join(' ')}`
  useEffect(() => {
    setResult(undefined)
    const controller = new AbortController()
    const timer = setTimeout(() => {
      const body = { allow: behaviours.map((behaviour) => ({ behaviour })) }
      ask<EditTestResult>(imagePath(version, '/test-edit'), {
        method: 'POST',
        body,
        signal: controller.signal,
      }).then(setResult, (error: unknown) => {
        if (error instanceof Problem) setResult(error)
      })
    }, restMs)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [name])
  return (
    <div class="back-test" role="status">
      <h3>If it is allowed</h3>
      {result === undefined ? (
        <p class="muted">testing it on recorded events …</p>
      ) : result instanceof Problem ? (
        <p class="muted">{result.message}</p>
      ) : (
        <Effect result={result} />
      )}
    </div>
  )
}

function Effect({ result }: { readonly result: EditTestResult }) {
  const { quiets, still, judged, attacks, attacksTried, permissive } = result
  const opened = attacks.filter(({ already }) => !already)
  const acts = quiets.reduce((sum, row) => sum + row.count, 0)
  const { before, after } = permissive
  return (
    <>
      <ul>
        <li>
          {quiets.length === 0
            ? 'no event on record becomes expected'
            : `${plural(quiets.length, 'different event')} on record (${plural(acts, 'time')}) would no longer raise alerts`}
          {still > 0 ? `; ${count(still)} still would` : ''}{' '}
          <span class="muted">of {count(judged)}</span>
        </li>
        <li class={opened.length > 0 ? 'bad-text' : ''}>
          {opened.length === 0
            ? `none of ${count(attacksTried)} recorded attacks would pass because of this approval`
            : `${plural(opened.length, 'recorded attack')} would pass because of this approval: ${opened.map((each) => each.name).join(', ')}`}
        </li>
        <li class="muted">
          allowed behaviours {count(before.allowed)} → {count(after.allowed)}, patterns{' '}
          {count(before.patterns)} → {count(after.patterns)}
        </li>
      </ul>
      {quiets.length === 0 ? null : (
        <ul class="witnesses">
          {quiets.slice(0, rowsShown).map(({ id, origin, text, literal }) => (
            <li key={`${id} ${origin} ${literal ?? ''}`}>
              <Foreign text={literal ?? text} />
            </li>
          ))}
        </ul>
      )}
    </>
  )
}
