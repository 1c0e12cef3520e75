import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { errorTable } from '../../src/errors.ts'
import { configKeys } from '../../src/support/config/config-keys.ts'
import { metricTable, statusTable } from '../../src/support/telemetry/metric-table.ts'

const tests = fileURLToPath(new URL('../', import.meta.url))

/** Words of all tests but this one: a name that none has is a promise that none holds. */
const words = new Set(
  readdirSync(tests, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|sh|yml)$/.test(path))
    .flatMap((path) => readFileSync(`${tests}${path}`, 'utf8').match(/\w+/g) ?? []),
)

it.each([
  ['error code', Object.keys(errorTable)],
  ['metric', [...Object.keys(metricTable), ...Object.keys(statusTable)]],
  // Nested in a config as they are, keys have their last part alone.
  ['config key', configKeys.map(({ path }) => path.slice(path.lastIndexOf('.') + 1))],
])('each %s is named by a test', (_, names) => {
  expect(names.length).toBeGreaterThan(10)
  expect(names.filter((name) => !words.has(name))).toEqual([])
})
