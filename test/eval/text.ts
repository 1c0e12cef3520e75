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
