/** Rows of a table; what would end a cell is escaped. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** `21 of 22 (95 %)`; rounded down, so that only all of them are 100 %. */
export function share(part: number, whole: number): string {
  return whole === 0 ? '' : `${part} of ${whole} (${Math.floor((100 * part) / whole)} %)`
}

/** Markdown with its paragraphs and items in lines of 100 columns. Tables and headings stay as they are. */
export function wrapped(markdown: string): string {
  return markdown
    .split('\n\n')
    .map((block) =>
      /^[|#]/.test(block)
        ? block
        : block
            .split(/\n(?=- )/)
            .map(filled)
            .join('\n'),
    )
    .join('\n\n')
}

function filled(paragraph: string): string {
  const indent = paragraph.startsWith('- ') ? '  ' : ''
  const lines: string[] = []
  let line = ''
  for (const word of paragraph.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > 100) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join('\n')
}
