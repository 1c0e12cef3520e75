import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** By the package's public names, from its build: as somebody who wrote a source of their own. */
it('the example of the documentation passes the suite that its author gets', () => {
  const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env
  const files = ['--test', '--test-reporter=tap', 'docs/example-source/opens.test.mjs']
  const { status, stdout, stderr } = spawnSync(process.execPath, files, {
    cwd: root,
    env,
    encoding: 'utf8',
  })
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/ok \d+ - delivers every event once, in the order in which they happened/)
  expect(stdout).toMatch(/^# pass (?:1[0-9]|[2-9]\d)$/m)
})
