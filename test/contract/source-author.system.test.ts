import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Uses the public names of the package, from its build, as the author of an external source does. */
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
