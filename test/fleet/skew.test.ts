import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { agentReport } from '../../src/core/event/agent-report-schema.ts'
import { alert } from '../../src/core/event/alert-schema.ts'
import { incidentRecord } from '../../src/core/incident/incident-record-schema.ts'
import { profileView } from '../../src/api/profile-views.ts'
import { statusView } from '../../src/api/status-views.ts'
import { lineageView } from '../../src/api/version-views.ts'
import { SnugError } from '../../src/errors.ts'
import { kept, keptText, keptVersions, sharedText, version } from '../fixtures/shared/kept.ts'
import { type SharedReader, sharedReaders } from '../fixtures/shared/readers.ts'
import {
  type SharedDocuments,
  sharedDocuments,
  type SharedFile,
} from '../fixtures/shared/written.ts'

/**
 * Agents, console and `kubectl snug` of two versions: the readers of this one get what each kept version wrote, and what
 * a later version may write, which is this with more in it.
 */
describe('what this version writes', () => {
  let documents: SharedDocuments
  beforeAll(async () => {
    documents = await sharedDocuments()
  })

  it('is what is kept of it: a change of a form is seen, and `npx tsx test/fixtures/shared/make.ts` keeps it', () => {
    expect(keptVersions).toContain(version)
    for (const [file, value] of Object.entries(documents))
      expect(sharedText(value), file).toBe(keptText(version, file as SharedFile))
  })

  it('has the published schemas, each with all of its parts', () => {
    const schemas: readonly (readonly [SharedFile, z.ZodType])[] = [
      ['alerts.json', z.array(alert)],
      ['incidents.json', z.array(incidentRecord)],
      ['agent-report.json', agentReport],
      ['status.json', statusView],
      ['image-list.json', z.array(lineageView)],
      ['profile-show.json', profileView],
    ]
    for (const of of keptVersions)
      for (const [file, schema] of schemas)
        expect(schema.safeParse(kept(of, file)).error, `${of}/${file}`).toBeUndefined()
    expect(documents['alerts.json'].length).toBeGreaterThan(5)
    expect(documents['incidents.json']).toHaveLength(1)
  })
})

const rows = keptVersions.flatMap((of) =>
  sharedReaders.flatMap((reader) =>
    reader.files.map((file) => {
      const places = reader.words.flatMap((path) => placesOf(kept(of, file), path))
      return { reader, of, file, places, name: `${reader.who}: ${file} of ${of}` }
    }),
  ),
)

it.each(rows)('$name is read whole', async ({ reader, of, file }) => {
  const { shown, left } = await outcome(reader, kept(of, file))
  expect(left).toEqual([])
  expect(JSON.stringify(shown).length).toBeGreaterThan(100)
})

it.each(rows)(
  '$name is read as before where a later version has more members in each object',
  async ({ reader, of, file }) => {
    const before = await outcome(reader, kept(of, file))
    const document = withMore(kept(of, file))
    expect(JSON.stringify(document)).toContain(more)
    const after = await outcome(reader, document)
    expect(after.left).toEqual([])
    expectAllOf(before.shown, after.shown)
  },
)

it.each(rows.filter(({ places }) => places.length > 0))(
  '$name has the fate of the matrix where a later version has another word',
  async ({ reader, of, file, places }) => {
    for (const place of places.slice(0, wordsTried)) {
      const document = structuredClone(kept(of, file))
      put(document, place, 'of-a-later-version')
      await hasFate(reader, document, reader.word, place.join('.'))
    }
  },
)

it.each(rows.filter(({ reader }) => reader.format !== undefined))(
  '$name has the fate of the matrix where its format has another number',
  async ({ reader, of, file }) => {
    const { format = '', otherFormat } = reader
    const document = structuredClone(kept(of, file))
    const [place = []] = placesOf(document, format)
    const name = String(at(document, place))
    put(
      document,
      place,
      name.replace(/\d+$/, (number) => String(Number(number) + 1)),
    )
    await hasFate(reader, document, otherFormat, format)
  },
)

it('each reader has a document with each of its words', () => {
  for (const { who, reads, words, files } of sharedReaders)
    for (const path of words) {
      const found = files.flatMap((file) => placesOf(kept(version, file), path))
      expect(found, `${who}, ${reads}: ${path}`).not.toEqual([])
    }
})

it.each(rows.filter(({ file }) => file.includes('slice')))(
  '$name: a behaviour with more in its actor or object is another one, and is left out alone',
  async ({ reader, of, file }) => {
    for (const part of ['actor', 'object']) {
      const document = structuredClone(kept(of, file))
      const entries = file === 'slice.json' ? 'value.entries' : 'entries'
      const [place = []] = placesOf(document, `${entries}.*.${part}`)
      put(document, [...place, more], 1)
      await hasFate(reader, document, reader.word, part)
    }
  },
)

it('docs/compatibility.md has the matrix as these tests have it', () => {
  const page = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8')
  const [, table = ''] = /\n\| reader \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(page) ?? []
  const wanted = sharedReaders.map(
    ({ who, reads, word, otherFormat }) => `| ${who} | ${reads} | ${word} | ${otherFormat} |`,
  )
  expect(table.trim().split('\n')).toEqual(wanted)
})

interface Outcome {
  readonly shown: unknown
  readonly left: readonly string[]
}

async function outcome(reader: SharedReader, document: unknown): Promise<Outcome> {
  const left: string[] = []
  const shown = await reader.read(document as never, left)
  return { shown: JSON.parse(JSON.stringify(shown)) as unknown, left }
}

async function hasFate(
  reader: SharedReader,
  document: unknown,
  fate: SharedReader['otherFormat'],
  where: string,
): Promise<void> {
  const [, code] = /`(\w+)`$/.exec(fate) ?? []
  if (fate.startsWith('ignored')) {
    const error = await outcome(reader, document).catch((thrown: unknown) => thrown)
    expect(error, where).toBeInstanceOf(SnugError)
    if (code !== undefined) expect(error, where).toMatchObject({ code })
    return
  }
  const { left, shown } = await outcome(reader, document)
  expect(left, where).toEqual(code === undefined ? [] : [code])
  expect(JSON.stringify(shown).length, where).toBeGreaterThan(100)
}

/** Of one document: there is a word in each of a hundred entries. */
const wordsTried = 40
const more = 'ofALaterVersion'
/** What a behaviour is: more of it is another behaviour. */
const closed = /(^|\.)entr(y|ies\.\d+)\.(actor|object)(\.|$)/

function withMore(value: unknown, path = ''): unknown {
  const below = (key: string | number): string => (path === '' ? `${key}` : `${path}.${key}`)
  if (Array.isArray(value)) return value.map((each, at) => withMore(each, below(at)))
  if (typeof value !== 'object' || value === null) return value
  const inner = Object.entries(value).map(([key, each]) => [key, withMore(each, below(key))])
  const added = closed.test(path) ? {} : { [more]: laterMember(Object.values(value)) }
  return { ...Object.fromEntries(inner), ...added }
}

/** A map of texts or numbers, such as facts and counts, has one more of them. */
function laterMember([first, ...others]: readonly unknown[]): unknown {
  const isMap =
    ['string', 'number'].includes(typeof first) &&
    others.every((each) => typeof each === typeof first)
  return isMap ? first : { of: ['any', 1] }
}

/** All that was shown before is shown: of a text the beginning of each line, which may go on. */
function expectAllOf(before: unknown, after: unknown): void {
  if (typeof before !== 'string') {
    expect(withoutMore(after)).toEqual(withoutMore(before))
    return
  }
  const lines = String(after).split('\n')
  for (const line of before.split('\n')) {
    const found = lines.findIndex((each) => each.startsWith(line))
    expect(found, `${line}\nin\n${String(after)}`).toBeGreaterThanOrEqual(0)
    lines.splice(0, found + 1)
  }
}

function withoutMore(value: unknown): unknown {
  const text = JSON.stringify(value)
  return JSON.parse(text, (key, each: unknown) => (key === more ? undefined : each))
}

/** The places in the document that the path means. */
function placesOf(value: unknown, path: string): (readonly string[])[] {
  let places: (readonly string[])[] = [[]]
  for (const step of path.split('.'))
    places = places.flatMap((place) => {
      const inside = at(value, place)
      if (typeof inside !== 'object' || inside === null) return []
      if (step === '*')
        return Array.isArray(inside) ? Object.keys(inside).map((key) => [...place, key]) : []
      return step in inside ? [[...place, step]] : []
    })
  return places
}

function at(value: unknown, place: readonly string[]): unknown {
  return place.reduce<unknown>((inside, step) => Object(inside)[step] as unknown, value)
}

function put(document: unknown, place: readonly string[], value: unknown): void {
  const inside = at(document, place.slice(0, -1)) as Record<string, unknown>
  inside[place.at(-1) ?? ''] = value
}
