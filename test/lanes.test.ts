import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import micromatch from 'micromatch'
import { describe, expect, it } from 'vitest'
import { type Lane, lanes, rare } from './lanes.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const all = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.ts'))
  .map((path) => `test/${path}`)
  .sort()

function filesOf({ files, without }: Lane): readonly string[] {
  return micromatch(all, files, { ignore: [...(without ?? [])] })
}

describe('the lanes', () => {
  it('hold every test file once', () => {
    expect(Object.values(lanes).flatMap(filesOf).sort()).toEqual(all)
  })

  it('are in the table of CONTRIBUTING.md, with whether the gate runs them', () => {
    const page = readFileSync(`${root}CONTRIBUTING.md`, 'utf8')
    const rows = [...page.matchAll(/^\| (\w+)[^|]* \| (yes|no)/gm)].map(([, name, is]) => [
      name,
      is,
    ])
    const shown = new Map(rows.map(([name, is]) => [name, is === 'yes']))
    for (const [name, { decides }] of Object.entries(lanes))
      expect([name, shown.get(name)]).toEqual([name, decides])
  })

  it('name only rare files that exist, each once', () => {
    const named = Object.values(rare).flat()
    expect(new Set(named).size).toBe(named.length)
    expect(named.filter((path) => !all.includes(path))).toEqual([])
  })
})
