import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutation } from './table.ts'

/** The file of a checkout with the mutation. @throws where its text is not there exactly once, so that the table stays true */
export function mutated(root: string, { promise, file, before, after }: Mutation): string {
  const text = readFileSync(join(root, file), 'utf8')
  const parts = text.split(before)
  if (parts.length !== 2) {
    throw new Error(`${promise}: ${file} has ${parts.length - 1} times, not once: ${before}`)
  }
  return parts.join(after)
}
