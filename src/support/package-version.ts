import { readFileSync } from 'node:fs'
import { packagePath } from './package-folder.ts'

/** The version of this installation; the same from `src` and from `dist`. */
export function packageVersion(): string {
  const text = readFileSync(packagePath('package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
