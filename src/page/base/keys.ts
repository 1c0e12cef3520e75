import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

/** A key binding, for the help and for the key handler. */
export interface Binding {
  /** As `KeyboardEvent.key` names it; `g n` is one after the other. */
  readonly keys: string
  readonly does: string
  readonly run: () => void
}

interface Group {
  readonly name: string
  readonly bindings: readonly Binding[]
}

/** In order of appearance: the last binding has priority. */
export const groups = signal<readonly Group[]>([])

const sequenceMs = 1_200
let prefix = ''
let prefixAt = 0

/** Binds keys for as long as the component is there. */
export function useKeys(name: string, bindings: readonly Binding[]): void {
  const current = useRef(bindings)
  current.current = bindings
  useEffect(() => {
    const group: Group = {
      name,
      get bindings() {
        return current.current
      },
    }
    groups.value = [...groups.value, group]
    return () => {
      groups.value = groups.value.filter((each) => each !== group)
    }
  }, [name])
}

function find(keys: string): Binding | undefined {
  for (const { bindings } of [...groups.value].reverse()) {
    const found = bindings.find((binding) => binding.keys.split(' | ').includes(keys))
    if (found !== undefined) return found
  }
  return undefined
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName)
}

/** A button that has the focus is pressed by these. */
function isPressed(target: EventTarget | null, key: string): boolean {
  return (
    (key === 'Enter' || key === ' ') &&
    target instanceof HTMLElement &&
    target.closest('button, a, summary') !== null
  )
}

function pressed(event: KeyboardEvent): void {
  const { key, target, ctrlKey, metaKey, altKey } = event
  if (ctrlKey || metaKey || altKey || event.defaultPrevented) return
  // A dialog has the keys for itself.
  if (document.querySelector('dialog[open]') !== null) return
  if (isTyping(target)) {
    if (key === 'Escape' && target instanceof HTMLElement) target.blur()
    return
  }
  if (isPressed(target, key)) return
  // When it was pressed: a busy page may learn of it late.
  const now = event.timeStamp
  const both = now - prefixAt < sequenceMs && prefix !== '' ? find(`${prefix} ${key}`) : undefined
  const binding = both ?? find(key)
  prefix = key
  prefixAt = now
  if (binding === undefined) return
  event.preventDefault()
  prefix = ''
  binding.run()
}

document.addEventListener('keydown', pressed)
