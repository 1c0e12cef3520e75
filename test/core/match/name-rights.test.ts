import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { nameOperations } from '../../../src/core/behaviour/name-rights.ts'
import { bypassActs, namingActs } from '../../fixtures/bypass-acts.ts'
import { cases } from '../../fixtures/random-cases.ts'
import { act, learned, verdictOn, type Where } from '../../fixtures/event-fixture.ts'

const root: Where = { uid: 0, exe: '/usr/bin/python3' }
const moved = (from: string, to: string): ActEvent => act.file(from, ['rename'], root, { to })
const linked = (from: string, to: string): ActEvent => act.file(to, ['create'], root, { to: from })
const written = (path: string): ActEvent => act.file(path, ['write'], root)

/** Files of the image that the program may only read. */
const readOnly = ['/etc/passwd', '/lib64/ld-linux-x86-64.so.2', '/opt/app/main.py']
const tokens = ['q8zk1x0v', '7hw2_mba', 'zz01k_3f', '0ab91xkq', 'v3b7n_p0', 'kk20dd9w']
const temporary = tokens.map((token) => `/tmp/tmp${token}`)
const kept = tokens.map((token) => `/srv/out/part-${token}.bin`)

/** A program that writes temporary files, links them and moves them to where it keeps them. */
const profile = learned(
  ...readOnly.map((path) => act.file(path, ['read'], root, { layer: 'image' })),
  ...temporary.map((path) => act.file(path, ['read', 'write'], root)),
  ...kept.map((path) => act.file(path, ['read', 'write'], root)),
  ...temporary.map((path, at) => linked(path, kept[at] ?? '')),
  ...temporary.map((path, at) => moved(path, kept[at] ?? '')),
  moved('/srv/state.new', '/srv/state'),
  written('/srv/state.new'),
)

const name = fc.constantFrom(
  ...readOnly,
  ...temporary,
  ...kept,
  '/tmp/tmpab12cd34',
  '/tmp/tmpzq_9x81m',
  '/srv/out/part-ab12cd34.bin',
  '/srv/state',
  '/srv/state.new',
)
const step = fc.record({
  does: fc.constantFrom('link', 'rename', 'write'),
  from: name,
  to: name,
})

/** Names and what they name. What the profile does not expect is refused, and changes nothing. */
class Files {
  readonly #objects = new Map(readOnly.map((path) => [path, path]))

  /** The file of the image that the step changes, if any. */
  does({ does, from, to }: { does: string; from: string; to: string }): string | undefined {
    const object = this.#objects.get(from)
    if (does === 'write') {
      if (!this.#passes(written(from))) return undefined
      if (object === undefined) this.#objects.set(from, 'own')
      return object === 'own' ? undefined : object
    }
    if (object === undefined || from === to) return undefined
    const other = this.#objects.get(to)
    if (does === 'link') {
      if (other === undefined && this.#passes(linked(from, to))) this.#objects.set(to, object)
    } else if (this.#passes(moved(from, to))) {
      this.#objects.delete(from)
      this.#objects.set(to, object)
    }
    return undefined
  }

  #passes(...events: readonly ActEvent[]): boolean {
    return events.every((event) => verdictOn(profile, event).outcome === 'expected')
  }
}

describe('no right follows from a weaker one', () => {
  it('whatever names files get, none that may only be read is written', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 40 }), (steps) => {
        const files = new Files()
        for (const one of steps) expect(files.does(one)).toBeUndefined()
      }),
      { numRuns: cases(1_000) },
    )
  })

  it('and the program may do its own work by each of these operations', () => {
    const fresh = '/tmp/tmpab12cd34'
    const place = '/srv/out/part-ab12cd34.bin'
    for (const event of [written(fresh), linked(fresh, place), moved(fresh, place)])
      expect(verdictOn(profile, event).outcome).toBe('expected')
  })

  it('each operation of the table is tried on both families of hooks', () => {
    const tried = [...bypassActs, ...namingActs].flatMap(({ operation }) => operation ?? [])
    expect(new Set(tried)).toEqual(new Set(Object.keys(nameOperations)))
  })
})
