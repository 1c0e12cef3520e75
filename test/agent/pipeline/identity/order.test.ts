import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { IdentifiedMessage } from '../../../../src/agent/pipeline/identity/identified.ts'
import { Identifier } from '../../../../src/agent/pipeline/identity/identifier.ts'
import { ImageFiles } from '../../../../src/agent/pipeline/identity/image-files.ts'
import { behaviourKey, type SourceMessage } from '../../../../src/agent/pipeline/sources/source.ts'
import {
  event,
  identityOf,
  open,
  ScriptedEngine,
  started,
  time,
} from '../../../fixtures/identity-fixtures.ts'

const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(64))

type Step =
  | { readonly kind: 'start' | 'act' | 'sight' | 'end' | 'tell'; readonly of: number }
  | { readonly kind: 'batch' | 'flush' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('act'), of: fc.nat(2) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('start', 'sight', 'end', 'tell'),
      of: fc.nat(2),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('batch', 'flush') }) },
) as fc.Arbitrary<Step>

// It answers nothing without image layers, so one serves all cases.
const files = new ImageFiles()

it('reports every lost event and keeps each container in order, whatever comes when', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.integer({ min: 1, max: 9 }),
      (steps, bound) => {
        const out: IdentifiedMessage[] = []
        const engine = new ScriptedEngine()
        // Lookups never answer: identities come only from `report`, so that the whole run is synchronous.
        engine.lookup = () => new Promise(() => undefined)
        const identifier = new Identifier({
          engines: [engine],
          files,
          node: 'n1',
          release: (messages) => out.push(...messages),
          limits: { perContainer: bound, total: bound * 2 },
        })
        let batch: SourceMessage[] = []
        let sent = 0
        const push = () => {
          out.push(...identifier.push(batch))
          batch = []
        }
        for (const each of steps) {
          const id = 'of' in each ? (ids[each.of] ?? '') : ''
          if (each.kind === 'start') batch.push(started(id))
          else if (each.kind === 'act') batch.push(event(open(`/${sent++}`, id)))
          else if (each.kind === 'end') batch.push({ type: 'container-ended', id, time: time(9) })
          else if (each.kind === 'sight') {
            sent += 1
            const key = behaviourKey('00000000000000aa')
            const countUpdate = { key, containerId: id, count: 1, first: time(1), last: time(2) }
            batch.push({ type: 'count-update', countUpdate })
          } else {
            push()
            if (each.kind === 'tell') engine.report(identityOf(id))
            if (each.kind === 'flush') identifier.flush()
          }
        }
        push()
        identifier.close()

        let accounted = identifier.stats.unplaced
        const last = new Map<string, number>()
        const reported = new Set<string>()
        for (const message of out) {
          if (message.type === 'container') reported.add(message.identity.id)
          if (message.type === 'count-update') {
            accounted += 1
            expect(reported.has(message.countUpdate.containerId)).toBe(true)
          }
          if (message.type !== 'event') continue
          if (message.event.kind === 'loss') accounted += message.event.loss.count
          if (message.event.kind !== 'file') continue
          accounted += 1
          const { id } = message.event.container
          const number = Number(message.event.file.path.slice(1))
          expect(number).toBeGreaterThan(last.get(id) ?? -1)
          last.set(id, number)
          // An event with an image comes after the report of its container.
          if (message.event.image !== undefined) expect(reported.has(id)).toBe(true)
        }
        expect(accounted).toBe(sent)
        expect(identifier.stats).toMatchObject({ held: 0, waiting: 0 })
      },
    ),
    { numRuns: 500 },
  )
})
