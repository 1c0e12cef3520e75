import { describe, expect, test } from 'vitest'
import { faultsOfWorkflow } from '../../deploy/workflow-faults.ts'

/** `npm run check:workflows` reads the workflows of this repository; here one is changed in one place at a time. */
const digest = 'de0fac2e4500dabe0009e67214ff5f5447ce83dd'
const image = `debian:trixie@sha256:${'a'.repeat(64)}`
const good = `
on: { pull_request: {}, push: { branches: [main] } }
permissions: {}
jobs:
  build:
    runs-on: ubuntu-24.04
    container: { image: '${image}' }
    permissions: { contents: read }
    steps:
      - uses: actions/checkout@${digest} # v6.0.2
        with: { persist-credentials: false }
      - uses: ./local/action
      - run: npm ci && echo "$NAME"
        env: { NAME: '\${{ github.head_ref }}' }
`
const signing = good
  .replace('on: { pull_request: {}, push', 'on: { push')
  .replace('{ contents: read }', '{ contents: read, id-token: write }')
  .replace('npm ci && ', '')

test.each([good, signing])('a workflow with digests and narrow rights has no fault', (text) => {
  expect(faultsOfWorkflow(text)).toEqual([])
})

interface Case {
  readonly what: string
  readonly from: string
  readonly to: string
  readonly fault: RegExp
}

describe('a workflow is refused', () => {
  test.each<Case>([
    { what: 'an action by its tag', from: `@${digest}`, to: '@v6', fault: /^10: .*not pinned/ },
    {
      what: 'an action by a short digest',
      from: digest,
      to: 'de0fac2',
      fault: /^10: .*not pinned/,
    },
    { what: 'a digest without its version', from: ' # v6.0.2', to: '', fault: /^10: .*no comment/ },
    { what: 'a major version', from: '# v6.0.2', to: '# v6', fault: /^10: .*no comment/ },
    {
      what: 'an image of a registry by its tag as a step',
      from: './local/action',
      to: 'docker://alpine:3',
      fault: /^12: .*no digest/,
    },
    { what: 'a container by its tag', from: image, to: 'debian:trixie', fault: /^7: .*no digest/ },
    {
      what: 'a service by its tag',
      from: 'container: {',
      to: `services: { db: 'postgres:17' }\n    container: {`,
      fault: /^7: .*`postgres:17` has no digest/,
    },
    {
      what: 'a reusable workflow by its branch',
      from: '    steps:',
      to: '    uses: other/repository/.github/workflows/build.yml@main\n    steps:',
      fault: /^9: .*not pinned/,
    },
    {
      what: 'no permissions of the workflow',
      from: 'permissions: {}\n',
      to: '',
      fault: /no `permissions: \{\}`/,
    },
    {
      what: 'permissions of the workflow for all jobs',
      from: 'permissions: {}',
      to: 'permissions: { contents: read }',
      fault: /^3: no `permissions: \{\}`/,
    },
    {
      what: 'a job without permissions',
      from: '    permissions: { contents: read }\n',
      to: '',
      fault: /one by one: none/,
    },
    {
      what: 'a job with every right',
      from: 'permissions: { contents: read }',
      to: 'permissions: write-all',
      fault: /^8: .*one by one: `write-all`/,
    },
    {
      what: 'a job that reads everything',
      from: 'permissions: { contents: read }',
      to: 'permissions: read-all',
      fault: /^8: .*one by one: `read-all`/,
    },
    {
      what: 'a job with the rights of all its secrets',
      from: '    steps:',
      to: '    secrets: inherit\n    steps:',
      fault: /every secret/,
    },
    {
      what: 'a right to write where a foreign change triggers it',
      from: '{ contents: read }',
      to: '{ contents: write }',
      fault: /foreign change triggers/,
    },
    {
      what: 'a right to sign where a foreign change triggers it',
      from: '{ contents: read }',
      to: '{ id-token: write }',
      fault: /foreign change triggers/,
    },
    {
      what: 'a runner of the project for a foreign change',
      from: 'ubuntu-24.04',
      to: '[self-hosted, debian-13]',
      fault: /runner of the project/,
    },
    {
      what: '`pull_request_target`',
      from: 'pull_request: {}',
      to: 'pull_request_target: {}',
      fault: /^2: `pull_request_target`/,
    },
    {
      what: '`workflow_run`',
      from: 'push: {',
      to: 'workflow_run: {',
      fault: /^2: `workflow_run`/,
    },
    {
      what: 'a title of a stranger in a script',
      from: '$NAME',
      to: '${{ github.event.pull_request.title }}',
      fault: /^13: .*pass it by `env`/,
    },
    {
      what: 'a value in a script of an action',
      from: './local/action',
      to: './local/action\n        with: { script: "log(${{ github.head_ref }})" }',
      fault: /^12: .*pass it by `env`/,
    },
    {
      what: 'a checkout that leaves its token',
      from: '        with: { persist-credentials: false }\n',
      to: '',
      fault: /^10: leaves the token/,
    },
    { what: 'no YAML', from: 'jobs:', to: 'jobs: [', fault: /^1: / },
  ])('for $what', ({ from, to, fault }) => {
    expect(good).toContain(from)
    expect(faultsOfWorkflow(good.replace(from, () => to))).toContainEqual(
      expect.stringMatching(fault),
    )
  })

  test.each<Case>([
    {
      what: 'packages of npm where it signs',
      from: 'echo',
      to: 'npx tool',
      fault: /^13: runs packages of others with the right to write `id-token`/,
    },
    {
      what: 'a right that no job here needs',
      from: 'id-token: write',
      to: 'actions: write',
      fault: /`actions: write` is more than any job/,
    },
  ])('for $what', ({ from, to, fault }) => {
    expect(signing).toContain(from)
    expect(faultsOfWorkflow(signing.replace(from, to))).toContainEqual(expect.stringMatching(fault))
  })
})

test('the forms of a list and of a word name triggers too', () => {
  const on = good.slice(0, good.indexOf('\npermissions')).trim()
  for (const form of ['[push, pull_request_target]', 'pull_request_target']) {
    expect(faultsOfWorkflow(good.replace(on, `on: ${form}`))).toContainEqual(
      expect.stringMatching(/`pull_request_target`/),
    )
  }
})

test('steps of a composite action are read as those of a job', () => {
  const action = `
runs:
  using: composite
  steps:
    - uses: actions/cache@v4
    - run: echo \${{ inputs.name }}
      shell: bash
`
  expect(faultsOfWorkflow(action)).toEqual([
    '5: `actions/cache@v4` is not pinned to the digest of a commit',
    '6: a value becomes part of a script: pass it by `env`',
  ])
})
