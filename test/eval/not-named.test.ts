import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { configSchema } from '../../src/support/config/config-schema.ts'
import { allServices } from './services/all.ts'
import { type Service, kinds } from './service.ts'
import { columnOf, columns } from './split.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** Lists that others keep, made by a script: they name nearly every extension that there is. */
const keptLists = ['src/core/match/file-kinds.ts']

/** Recorded from development services, and off unless a person turns them on: the evaluation runs without them. */
const starters = 'profiles/starters/'

/** Runtimes, tools and formats: that a service runs or has one does not make its name the service's own. */
const common = /^(php|node|git|setpriv|prometheus)$/

/** The unique names of the service, its programs and its paths. */
function namesOf({ name, packages, files = {}, start, data }: Service): readonly string[] {
  const started = [...start.matchAll(/(?:^|\s)(\/[\w./-]+)/g)].map(([, path = '']) => path)
  const paths = [...Object.keys(files), ...started]
  const programs = paths
    .filter((path) => /\/s?bin\/[^/]+$/.test(path))
    .map((path) => basename(path))
  const stems = packages.map((one) => one.replace(/-(server|core|imapd|daemon)$/, ''))
  // `/etc/passwd` is common to all services; deeper paths are specific.
  const own = [...paths, data].filter((path) => path.split('/').length > 3)
  const named = [name, ...packages, ...stems, ...programs, ...own]
  return [...new Set(named)].filter((one) => !common.test(basename(one)))
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

describe('the services of the evaluation', () => {
  const texts = ['src', 'profiles']
    .flatMap(filesBelow)
    .map((path) => ({ path: path.slice(root.length), text: readFileSync(path, 'utf8') }))
    .filter(({ path }) => !keptLists.includes(path) && !path.startsWith(starters))

  it.each(allServices.map((service) => [service.name, service] as const))(
    'leave no name of %s in the code',
    (_, service) => {
      for (const name of namesOf(service)) {
        const literal = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
        const word = new RegExp(`(?<![\\w-])${literal}(?![\\w-])`, 'i')
        const found = texts.filter(({ text }) => word.test(text)).map(({ path }) => path)
        expect(found, name).toEqual([])
      }
    },
  )

  it('are in starter profiles where they are of the development column, and these are off', () => {
    const names = readdirSync(join(root, starters)).map((file) => basename(file, '.json'))
    const developed = allServices.filter(({ name }) => columnOf(name) === 'development')
    expect(developed.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    expect(configSchema.parse({}).learn.starters).toBe(false)
  })

  it('are at least 24, of six kinds, with no name twice', () => {
    expect(allServices.length).toBeGreaterThanOrEqual(24)
    expect(new Set(allServices.map(({ kind }) => kind))).toEqual(new Set(kinds))
    expect(new Set(allServices.map(({ name }) => name)).size).toBe(allServices.length)
  })

  it('are in the column that the hash of their name gives, some in each', () => {
    expect(columnOf('a name')).toBe(columnOf('a name'))
    for (const column of columns)
      expect(allServices.filter(({ name }) => columnOf(name) === column).length).toBeGreaterThan(7)
  })
})
