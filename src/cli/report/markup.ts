import { safeText } from '../../support/safe-text.ts'

/** Text that is HTML already. Only {@link html} makes it, so that nothing else gets into a page as it is. */
export class Markup {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = string | number | Markup | readonly Part[]

/** A template whose values are text: markup in them is shown, and unsafe characters have a visible form. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  const texts = strings.map((text, at) => text + (at < parts.length ? textOf(parts[at] ?? '') : ''))
  return new Markup(texts.join(''))
}

function textOf(part: Part): string {
  if (part instanceof Markup) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  return safeText(String(part)).replace(/[&<>"'`]/g, (char) => `&#${char.charCodeAt(0)};`)
}
