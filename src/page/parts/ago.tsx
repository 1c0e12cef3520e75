import { signal } from '@preact/signals'
import { clock, span } from '../base/text.ts'

/** One clock for all that is on the page. */
const now = signal(Date.now())
setInterval(() => {
  now.value = Date.now()
}, 1_000)

/** How long ago, with the very time as its title. */
export function Ago({ time }: { readonly time: string }) {
  const ms = now.value - Date.parse(time)
  const text = Number.isNaN(ms) ? '' : ms < 1_500 ? 'now' : `${span(ms)} ago`
  return (
    <time dateTime={time} title={clock(time)} class="ago">
      {text}
    </time>
  )
}

export function At({ time, date = true }: { readonly time: string; readonly date?: boolean }) {
  return (
    <time dateTime={time} class="at">
      {clock(time, date)}
    </time>
  )
}
