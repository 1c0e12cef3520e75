import { stringify } from 'yaml'
import { type CliIo, writeTo } from '../cli-io.ts'
import { safeJson } from '../../support/safe-text.ts'

export const outputFormats = ['table', 'json', 'ndjson', 'yaml'] as const
export type OutputFormat = (typeof outputFormats)[number]

/** Prints one answer. `rows` are the lines of `ndjson`; `table` makes the text for people. */
export async function printAnswer<Data>(
  io: CliIo,
  format: OutputFormat,
  data: Data,
  rows: readonly unknown[],
  table: () => string,
): Promise<void> {
  await writeTo(io.stdout, render(format, data, rows, table))
}

function render(
  format: OutputFormat,
  data: unknown,
  rows: readonly unknown[],
  table: () => string,
): string {
  switch (format) {
    case 'table':
      return table()
    case 'json':
      return `${safeJson(JSON.stringify(data, null, 2))}\n`
    case 'ndjson':
      return rows.map(jsonLine).join('')
    case 'yaml':
      return yamlText(data)
  }
}

/** One item of a stream; there `json` means a line each too. */
export function renderItem(format: OutputFormat, item: unknown, line: () => string): string {
  if (format === 'table') return line()
  return format === 'yaml' ? `---\n${yamlText(item)}` : jsonLine(item)
}

function jsonLine(item: unknown): string {
  return `${safeJson(JSON.stringify(item))}\n`
}

function yamlText(data: unknown): string {
  return safeJson(
    stringify(data, {
      // In double quotes every unsafe character can be escaped without loss.
      defaultStringType: 'QUOTE_DOUBLE',
      defaultKeyType: 'PLAIN',
      lineWidth: 0,
      aliasDuplicateObjects: false,
    }),
  )
}
