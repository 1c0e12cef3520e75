import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string) => readFileSync(root + path, 'utf8')
const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
const targets = [...read('Makefile').matchAll(/^([a-z]+):/gm)].map(([, target]) => target)

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>
}

/** Commands of npm and make at the start of a line or a code span, as `npm run check`. */
function commands(text: string): readonly string[] {
  return text.match(/(?<=^|`)(?:npm (?:run [\w:]+|test)|make [a-z]+)/gm) ?? []
}

function exists(command: string): boolean {
  const name = command.split(' ').at(-1) ?? ''
  return command.startsWith('make ') ? targets.includes(name) : name in scripts
}

describe('the workflows', () => {
  const names = readdirSync(`${root}.github/workflows`)

  test.each(names)('%s runs only commands that exist', (name) => {
    const { jobs } = parse(read(`.github/workflows/${name}`)) as Workflow
    const runs = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run }) => run ?? ''))
    expect(runs.flatMap(commands).filter((command) => !exists(command))).toEqual([])
  })
})

test.each(['README.md', 'CONTRIBUTING.md', 'docs/get-started.md'])(
  '%s names only commands that exist',
  (path) => {
    const found = commands(read(path))
    expect(found.length).toBeGreaterThan(0)
    expect(found.filter((command) => !exists(command))).toEqual([])
  },
)

test('`make help` describes every target', () => {
  const described = [...read('Makefile').matchAll(/^([a-z]+):.*## /gm)].map(([, target]) => target)
  expect(described).toEqual(targets)
})

test('the issue forms are forms', () => {
  for (const name of ['bug.yml', 'false-alert.yml', 'feature.yml']) {
    const form = parse(read(`.github/ISSUE_TEMPLATE/${name}`)) as { body: { type: string }[] }
    expect(form.body.map(({ type }) => type)).toContain('textarea')
  }
})
