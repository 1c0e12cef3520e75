import { computed, signal } from '@preact/signals'

/** `#/image/REF/list?q=x` as parts and query. */
export interface Place {
  readonly parts: readonly string[]
  readonly query: URLSearchParams
}

const hash = signal(location.hash)
window.addEventListener('hashchange', () => {
  hash.value = location.hash
})

export const place = computed<Place>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2)
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decoded)
  return { parts, query: new URLSearchParams(query) }
})

/** A truncated link is still a link. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

export function link(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`
}

export function go(to: string): void {
  location.hash = to
}
