import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { errorTable } from '../../src/errors.ts'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(root + path, 'utf8')
const page = read('docs/compatibility.md')
const format = /\bsnug\.[a-z-]+\/v\d+\b/g

test('the page has a state for each format that the code names, and for no other', () => {
  const sources = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.tsx?$/.test(path))
    .flatMap((path) => read(`src/${path}`).match(format) ?? [])
  const [, rows = ''] = /## Formats\n([\s\S]*?)\n## /.exec(page) ?? []
  const named = rows.match(format) ?? []
  expect(named.toSorted()).toEqual([...new Set(sources)].sort())
  expect(named).toContain('snug.alert/v1')
})

test('the page has every exit code of the errors', () => {
  const [, cell = ''] = /^\| exit codes \|.*\| (.*?) \|$/m.exec(page) ?? []
  const listed = [...cell.matchAll(/(?:^|, )(\d+) /g)].map(([, code]) => Number(code))
  const codes = new Set([0, 2, 64, ...Object.values(errorTable).map(({ exit }) => exit)])
  expect(listed.toSorted((a, b) => a - b)).toEqual([...codes].toSorted((a, b) => a - b))
})

test('there are upgrade notes for this version and for each version of the changelog', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string }
  const sections = (path: string): readonly string[] =>
    [...read(path).matchAll(/^## \[?(\d+\.\d+\.\d+)\]?/gm)].map(([, name = '']) => name)
  expect(sections('docs/upgrade.md')).toEqual(
    expect.arrayContaining([version, ...sections('CHANGELOG.md')]),
  )
})
