import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import micromatch from 'micromatch'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(root + path, 'utf8')
const makefile = read('Makefile')

interface Workflow {
  readonly jobs: Readonly<Record<string, { readonly steps: readonly { readonly run?: string }[] }>>
}
const workflow = parse(read('.github/workflows/release.yml')) as Workflow
const runs = Object.values(workflow.jobs).flatMap(({ steps }) =>
  steps.flatMap(({ run }) => (run === undefined ? [] : [run])),
)

/** What prepares the machine, checks, signs in, or hands over what was made. */
const around = [
  /^apt-get update && apt-get install /,
  /^git config /,
  /^npm ci$/,
  /^npm run check$/,
  /^npm test$/,
  /^echo "\$GH_TOKEN" \| oras login /,
  /^cd dist\/release\ngh release create /,
]

const recipe = (target: string): string =>
  new RegExp(`^${target}:.*\\n((?:\\t.*\\n)+)`, 'm').exec(makefile)?.[1] ?? ''

/** The scripts of the release that a text names, and those that these name. */
function scriptsFrom(text: string, seen = new Set<string>()): ReadonlySet<string> {
  for (const [, name = ''] of text.matchAll(/([a-z-]+\.(?:sh|mjs))/g)) {
    if (seen.has(name) || !scripts.includes(name)) continue
    seen.add(name)
    scriptsFrom(read(`deploy/release/${name}`), seen)
  }
  return seen
}
const scripts = readdirSync(`${root}deploy/release`).filter((name) => /\.(?:sh|mjs)$/.test(name))

describe('the workflow of the release', () => {
  test('makes and publishes with `make release` and `make publish`, and with nothing else', () => {
    const made = runs
      .map((run) => run.trim())
      .filter((run) => !around.some((each) => each.test(run)))
    expect(made).toEqual([
      'make release VERSION="${GITHUB_REF_NAME#v}"',
      'make publish REGISTRY="$REGISTRY"',
    ])
    for (const [target, script] of [
      ['release', 'release.sh'],
      ['publish', 'publish.sh'],
    ] as const) {
      expect(recipe(target)).toContain(`deploy/release/${script} dist/release`)
    }
  })

  test('runs every script of the release by these two', () => {
    const reached = scriptsFrom(recipe('release') + recipe('publish'))
    expect([...reached].sort()).toEqual(scripts.toSorted())
  })

  test('hands over every file that the release consists of', () => {
    const handed = runs.find((run) => run.includes('gh release create')) ?? ''
    const globs = handed.split(/\s+/).filter((word) => /[.*]|^SHA256SUMS$/.test(word))
    const table = read('deploy/release/README.md').matchAll(/^\| (`.*?) \|/gm)
    const files = [...table].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    )
    expect(files.length).toBeGreaterThan(10)
    // The image goes to the registry; the predicate is part of the statement.
    const elsewhere = ['image/', 'provenance.json']
    const left = files.filter((file) => !micromatch.isMatch(file, globs))
    expect(left.sort()).toEqual(elsewhere)
    expect(handed).toContain('--notes-file notes.md')
    expect(micromatch.isMatch('snug_1_amd64.deb.sigstore.json', globs)).toBe(true)
  })

  test('installs the tools of publishing where they are used', () => {
    const [, packages = ''] = /^PUBLISH_PACKAGES := (.*)$/m.exec(makefile) ?? []
    expect(packages.split(' ').sort()).toEqual(['cosign', 'oras'])
    expect(recipe('publish')).toContain('$(PUBLISH_PACKAGES)')
  })
})
