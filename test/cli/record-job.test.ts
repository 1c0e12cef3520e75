import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { jobName } from '../../src/cli/input/job-name.ts'
import { documentText } from '../../src/supplychain/export/profile-document.ts'
import { cli } from '../fixtures/cli-fixtures.ts'

const folder = mkdtempSync(join(tmpdir(), 'snug-record-job-'))
afterAll(() => rmSync(folder, { recursive: true }))

const profile = join(folder, 'profile.json')
const image = { repository: 'shop/test', digest: 'sha256:aa' }
writeFileSync(profile, documentText({ schema: 'snug.profile/v1', image, behaviours: [] }))

describe('the name of a job', () => {
  const github = {
    GITHUB_REPOSITORY: 'shop/web',
    GITHUB_WORKFLOW: 'ci',
    GITHUB_JOB: 'test',
    GITHUB_ACTION: '__run_2',
  }
  it.each([
    ['GitHub Actions', github, 'shop/web/ci/test/__run_2'],
    [
      'GitLab CI',
      { CI_PROJECT_PATH: 'shop/web', CI_JOB_STAGE: 'build', CI_JOB_NAME: 'lint' },
      'shop/web/build/lint',
    ],
    ['Jenkins', { JOB_NAME: 'web/main', STAGE_NAME: 'Test' }, 'web/main/Test'],
    ['Jenkins without stages', { JOB_NAME: 'web' }, 'web'],
  ])('comes from the variables of %s', (_, env, name) => {
    expect(jobName(undefined, env)).toBe(name)
  })

  it('is the given one before that of the CI, and another only without a CI', () => {
    expect(jobName('own', github, 'other')).toBe('own')
    expect(jobName(undefined, github, 'other')).toBe('shop/web/ci/test/__run_2')
    expect(jobName(undefined, {}, 'other')).toBe('other')
  })
})

it.each([
  ['no name and no CI', ['--job'], 64, 'JOB_UNKNOWN'],
  ['nothing to judge by', ['--job', 'a', '--mode', 'audit'], 64, 'USAGE'],
  ['an unknown mode', ['--job', 'a', '--mode', 'watch'], 64, 'USAGE'],
  ['an option of jobs without one', ['--mode', 'audit'], 64, 'USAGE'],
  ['an update while it learns', ['--job', 'a', '--update'], 64, 'USAGE'],
  ['the profile of another job', ['--job', 'a', '--profile', profile], 3, 'PROFILE_INVALID'],
  [
    'a file that is no profile',
    ['--job', 'a', '--profile', import.meta.filename],
    3,
    'PROFILE_INVALID',
  ],
])('a job with %s is refused before its command runs', async (_, options, exit, code) => {
  const ran = await cli(['record', ...options, '--', '/no/such/command'])
  expect([ran.exit, ran.stderr]).toEqual([exit, expect.stringContaining(`(${code})`)])
})
