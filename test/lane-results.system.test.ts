import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it, onTestFinished } from 'vitest'
import type { LaneResults } from './fixtures/lane-results.ts'

const root = fileURLToPath(new URL('../', import.meta.url))
const reporter = join(root, 'test/fixtures/lane-results.ts')

/** What the reporter keeps of a lane with this one file. */
async function resultsOf(text: string): Promise<LaneResults> {
  // Below the modules of this repository, so that it finds them.
  mkdirSync(join(root, '.build'), { recursive: true })
  const folder = mkdtempSync(join(root, '.build/lane-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'some.test.ts'), text)
  writeFileSync(join(folder, 'vitest.config.ts'), 'export default {}')
  const results = join(folder, 'results.jsonl')
  const args = ['vitest', 'run', '--root', folder, '--reporter', reporter]
  const env = { ...process.env, SNUG_LANE_RESULTS: results }
  // It exits with 1 where a test fails.
  await promisify(execFile)('npx', args, { cwd: root, env }).catch(() => undefined)
  return JSON.parse(readFileSync(results, 'utf8')) as LaneResults
}

it('a lane names its failed and its skipped tests, and one without a reason has failed', async () => {
  const results = await resultsOf(`
    import { beforeEach, describe, expect, it } from 'vitest'
    it('passes', () => expect(1).toBe(1))
    it('fails', () => expect(1).toBe(2))
    it('is skipped', ({ skip }) => skip('the moon is full'))
    describe('elsewhere', () => {
      beforeEach(({ skip }) => skip(true, 'nobody is there'))
      it('is skipped too', () => expect(1).toBe(2))
    })
    it.skip('has no reason', () => undefined)
    describe.skipIf(true)('a group', () => it('has none either', () => undefined))
  `)
  expect(results).toEqual({
    passed: 1,
    failures: [
      expect.stringMatching(/^some.test.ts: fails: expected 1 to be 2/),
      'some.test.ts: has no reason: it is skipped without a reason',
      'some.test.ts: a group > has none either: it is skipped without a reason',
    ],
    notRun: {},
    skipped: [
      'some.test.ts: is skipped: the moon is full',
      'some.test.ts: elsewhere > is skipped too: nobody is there',
    ],
  })
})

it('a lane counts the tests behind a failed hook by their file, and names the hook', async () => {
  const results = await resultsOf(`
    import { beforeAll, describe, expect, it } from 'vitest'
    it('passes', () => expect(1).toBe(1))
    describe('a story', () => {
      beforeAll(() => expect('no cluster').toBe('a cluster'))
      it('begins', () => expect(1).toBe(1))
      describe('later', () => it('goes on', () => expect(1).toBe(1)))
    })
  `)
  expect(results).toEqual({
    passed: 1,
    failures: [expect.stringMatching(/^some.test.ts: a story: expected 'no cluster'/)],
    notRun: { 'some.test.ts': 2 },
    skipped: [],
  })
})

it('a lane counts the tests of a file whose hook failed', async () => {
  const results = await resultsOf(`
    import { beforeAll, expect, it } from 'vitest'
    beforeAll(() => expect('no cluster').toBe('a cluster'))
    it('begins', () => expect(1).toBe(1))
  `)
  expect(results).toEqual({
    passed: 0,
    failures: [expect.stringMatching(/^some.test.ts: expected 'no cluster'/)],
    notRun: { 'some.test.ts': 1 },
    skipped: [],
  })
})
