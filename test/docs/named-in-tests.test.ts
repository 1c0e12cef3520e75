import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { errorTable } from '../../src/errors.ts'
import { configKeys } from '../../src/support/config/config-keys.ts'
import { metricTable, statusTable } from '../../src/support/telemetry/metric-table.ts'

const tests = fileURLToPath(new URL('../', import.meta.url))

/** Words of each file of the tests: a name that none has is a promise that none holds. */
const files = readdirSync(tests, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.(ts|sh|yml)$/.test(path))
  .map((path) => new Set(readFileSync(`${tests}${path}`, 'utf8').match(/\w+/g)))

it.each([
  ['error code', Object.keys(errorTable)],
  ['metric', [...Object.keys(metricTable), ...Object.keys(statusTable)]],
  // In a config it is nested: all parts of a key have to be in one file.
  ['config key', configKeys.map(({ path }) => path)],
])('each %s is named by a test', (_, names) => {
  expect(names.length).toBeGreaterThan(10)
  const isNamed = (name: string): boolean =>
    files.some((words) => name.split('.').every((part) => words.has(part)))
  expect(names.filter((name) => !isNamed(name))).toEqual([])
})
