import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import micromatch from 'micromatch'

const root = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(root + path, 'utf8')
const makefile = read('Makefile')

interface Workflow {
  readonly jobs: Readonly<Record<string, Job>>
}
interface Job {
  readonly permissions: Readonly<Record<string, string>>
  readonly steps: readonly { readonly run?: string }[]
}
const { jobs } = parse(read('.github/workflows/release.yml')) as Workflow
const runsOf = ({ steps }: Job): readonly string[] =>
  steps.flatMap(({ run }) => (run === undefined ? [] : [run.trim()]))
const runs = Object.values(jobs).flatMap(runsOf)

/** What prepares the machine, checks, signs in, or hands over what was made. */
const around = [
  /^apt-get update && apt-get install /,
  /^git config /,
  /^make check$/,
  /^npm test$/,
  /^cd dist\/release && sha256sum --check --strict SHA256SUMS$/,
  /^echo "\$GH_TOKEN" \| oras login /,
  /^cd dist\/release\ngh release create /,
]

const recipe = (target: string): string =>
  new RegExp(`^${target}:.*\\n((?:\\t.*\\n)+)`, 'm').exec(makefile)?.[1] ?? ''

/** The scripts of the release that a text names outside of comments, and those that these name. */
function scriptsFrom(text: string, seen = new Set<string>()): ReadonlySet<string> {
  const code = text.replaceAll(/^(?:#|\/\/).*$/gm, '')
  for (const [, name = ''] of code.matchAll(/([a-z-]+\.(?:sh|mjs))/g)) {
    if (seen.has(name) || !scripts.includes(name)) continue
    seen.add(name)
    scriptsFrom(read(`deploy/release/${name}`), seen)
  }
  return seen
}
const scripts = readdirSync(`${root}deploy/release`).filter((name) => /\.(?:sh|mjs)$/.test(name))

describe('the workflow of the release', () => {
  test('makes and publishes with `make release` and `make publish`, and with nothing else', () => {
    const made = runs.filter((run) => !around.some((each) => each.test(run)))
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

  test('builds without rights, and signs where no package of npm runs', () => {
    const publishing = Object.values(jobs).filter(({ permissions }) =>
      Object.values(permissions).includes('write'),
    )
    expect(publishing).toHaveLength(1)
    expect(publishing.flatMap(runsOf)).toContain('make publish REGISTRY="$REGISTRY"')
    expect(publishing.flatMap(runsOf)).not.toContain('make release VERSION="${GITHUB_REF_NAME#v}"')
    const [, needed = ''] = /^publish:(.*)##/m.exec(makefile) ?? []
    expect(needed.trim()).toBe('')
    const signing = [...scriptsFrom(recipe('publish'))]
    expect(signing).toContain('push-chart.sh')
    const texts = signing.map((name) => read(`deploy/release/${name}`))
    expect(texts.join('\n')).not.toMatch(/\b(?:npm|npx|tsx)\b|\bfrom '(?!node:)/)
  })

  test('runs every script of the release by these two, or compares with a build of its tag, or records', () => {
    const targets = ['release', 'publish', 'verify-release', 'own-profile']
    const reached = scriptsFrom(targets.map(recipe).join(''))
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
    // Image and chart go to the registry.
    const elsewhere = ['chart/', 'image/']
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
