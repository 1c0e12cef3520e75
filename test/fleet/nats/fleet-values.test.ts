import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Profile } from '../../../src/core/profile/profile.ts'
import { SnugError } from '../../../src/errors.ts'
import { decisionKey, nodeToken, sliceKey } from '../../../src/fleet/nats/fleet-keys.ts'
import { decisionText, parseFleetValue, sliceText } from '../../../src/fleet/nats/fleet-values.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import { nodeEntry } from '../../fixtures/node-entries.ts'
import { cases } from '../../fixtures/random-cases.ts'

const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const at = '2026-11-24T12:00:00.000Z'
const nowMs = Date.parse(at)
const entry = nodeEntry('/a', 'n2')
const decision = { kind: 'approved', by: 'cli:root', at, grants: [] } as const
const decided = { ...entry, cells: [], decision }

const hold = {
  id: 'h00000001',
  level: 'network',
  pod: 'shop/web-1',
  by: 'console:oidc:rita',
  at,
  until: '2026-11-24T13:00:00.000Z',
  reason: 'a web shell',
  released: { by: 'console:oidc:sam', at },
} as const
const closing = {
  id: 'c00000001',
  incident: '01 n2',
  title: 'a web shell',
  by: 'console:oidc:rita',
  at,
  reason: 'an exercise',
  alerts: [{ node: 'n2', severity: 'high', ids: ['01', '02'] }],
} as const
const head = { learnedAt: at, holds: [{ id: hold.id, containers: 2, held: 1, because: 'x' }] }

const slice = (): unknown => JSON.parse(sliceText(image, 'n2', 'run', head, [entry]))
const ofHold = (): unknown => JSON.parse(decisionText({ image, node: 'console', hold }))
const ofClosing = (): unknown => JSON.parse(decisionText({ image, node: 'console', closing }))
const ofBehaviour = (): unknown => JSON.parse(decisionText({ image, node: 'n2', entry: decided }))
const ofMode = (): unknown =>
  JSON.parse(
    decisionText({ image, node: 'n2', mode: { mode: 'block', by: 'cli:root', at, reason: 'x' } }),
  )

describe('a value of the fleet', () => {
  it('is read as it was written', () => {
    expect(parseFleetValue(sliceKey('n2', image, 3), slice(), nowMs)).toMatchObject({
      kind: 'slice',
      slice: { image, node: 'n2', page: 3, head, entries: [entry] },
    })
    expect(parseFleetValue(decisionKey(image, entry.id), ofBehaviour(), nowMs)).toEqual({
      kind: 'decision',
      decision: { image, node: 'n2', entry: decided },
    })
    expect(parseFleetValue(decisionKey(image, 'mode'), ofMode(), nowMs)).toEqual({
      kind: 'decision',
      decision: {
        image,
        node: 'n2',
        mode: { mode: 'block', by: 'cli:root', at, reason: 'x' },
      },
    })
    expect(parseFleetValue(decisionKey(image, 'hold-h00000001'), ofHold(), nowMs)).toEqual({
      kind: 'decision',
      decision: { image, node: 'console', hold },
    })
    expect(parseFleetValue(decisionKey(image, 'close-c00000001'), ofClosing(), nowMs)).toEqual({
      kind: 'decision',
      decision: { image, node: 'console', closing },
    })
  })

  it('is refused where a hold is under the key of another one', () => {
    expect(() => parseFleetValue(decisionKey(image, 'hold-h00000002'), ofHold(), nowMs)).toThrow(
      'the key is not that of its image',
    )
  })

  it('brings the evidence of its own node alone', () => {
    const foreign = { ...nodeEntry('/b', 'n9') }
    const text = sliceText(image, 'n2', 'run', {}, [entry, foreign])
    const value = parseFleetValue(sliceKey('n2', image, 0), JSON.parse(text), nowMs)
    expect(value).toMatchObject({ slice: { entries: [{ id: entry.id }] } })
  })

  it('is refused with a code, or merges, whatever it holds', () => {
    for (const [key, whole] of [
      [sliceKey('n2', image, 0), slice()],
      [decisionKey(image, entry.id), ofBehaviour()],
      [decisionKey(image, 'mode'), ofMode()],
      [decisionKey(image, 'hold-h00000001'), ofHold()],
      [decisionKey(image, 'close-c00000001'), ofClosing()],
    ] as const) {
      fc.assert(
        fc.property(
          fc.constantFrom(...placesIn(whole)),
          fc.jsonValue({ maxDepth: 2 }),
          (path, part) => {
            const changed: unknown = structuredClone(whole)
            let inside = changed as Record<string, unknown>
            for (const step of path.slice(0, -1)) inside = inside[step] as Record<string, unknown>
            inside[path.at(-1) ?? ''] = part
            try {
              const value = parseFleetValue(key, changed, nowMs)
              if (value.kind === 'slice') new Profile(shaper).merge(value.slice.entries)
              else if (value.decision.entry !== undefined)
                new Profile(shaper).merge([value.decision.entry])
            } catch (error) {
              expect(error).toBeInstanceOf(SnugError)
              expect((error as SnugError).code).toBe('FLEET_VALUE_INVALID')
            }
          },
        ),
        { numRuns: cases(1_000) },
      )
    }
  })
})

describe('the name of a node in a key', () => {
  it('is one token that NATS and its tools take, and no two nodes share it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        fc.pre(Buffer.from(one).compare(Buffer.from(other)) !== 0)
        expect(nodeToken(one)).toMatch(/^[-_=A-Za-z0-9]+$/)
        expect(nodeToken(one)).not.toBe(nodeToken(other))
      }),
      { numRuns: cases(1_000) },
    )
    expect(nodeToken('web-1.example.com')).toBe('web-1=2Eexample=2Ecom')
  })
})

/** The paths of all members, at any depth. */
function placesIn(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path]
  const inner = Object.entries(value).flatMap(([key, each]) => placesIn(each, [...path, key]))
  return path.length === 0 ? inner : [path, ...inner]
}
