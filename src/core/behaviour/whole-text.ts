/**
 * The text in one piece, for what is kept long. A text that was put together or cut out of another refers to these
 * parts, and keeps them in memory.
 */
export function wholeText(text: string): string {
  return [text.slice(0, 1), text.slice(1)].join('')
}
