import { describe, expect, it } from 'vitest'
import type { ImageProfileStatus } from '../../../src/fleet/kubernetes/fleet-objects.ts'
import { StatusTurn } from '../../../src/fleet/kubernetes/status-turn.ts'

const name = 'shop-web-0'

function status(more: Partial<ImageProfileStatus> = {}): ImageProfileStatus {
  const counts = { behaviours: 10, pending: 0, nodes: 2 }
  const state = { state: 'enforced', mode: 'alert', observedGeneration: 1 }
  return { ...counts, ...state, conditions: [], ...more }
}

/** Nodes that look at one status in turn; of the number N so many deviations wait. */
class Nodes {
  status: ImageProfileStatus | undefined
  writes = 0
  readonly #publishers: readonly string[]
  readonly #nodes: Map<string, { readonly turn: StatusTurn; readonly pending: number }>

  constructor(names: readonly string[], publishers: readonly string[]) {
    this.#publishers = publishers
    const made = names.map((each, pending) => {
      return [each, { turn: new StatusTurn(each), pending }] as const
    })
    this.#nodes = new Map(made)
  }

  remove(node: string): void {
    this.#nodes.delete(node)
  }

  /** Each looks so many times. */
  look(
    times: number,
    shared: Partial<ImageProfileStatus>,
    of: Readonly<Record<string, string>> = {},
  ): void {
    for (let round = 0; round < times; round += 1) {
      for (const [node, { turn, pending }] of this.#nodes) {
        const own = status({ pending, ...shared, ...(of[node] && { mode: of[node] }) })
        const isSame = JSON.stringify(own) === JSON.stringify(this.status)
        if (!turn.isHere(name, this.#publishers, own, this.status) || isSame) continue
        this.status = own
        this.writes += 1
      }
    }
  }
}

describe('the status of a version', () => {
  it('is written by the first by name of the nodes with slices, whose counts stay', () => {
    const nodes = new Nodes(['a', 'b', 'c', 'd'], ['c', 'b'])
    nodes.look(20, {})
    expect(nodes.status).toMatchObject({ pending: 1 })
    nodes.look(20, { observedGeneration: 2 })
    expect(nodes.status).toMatchObject({ pending: 1, observedGeneration: 2 })
    expect(nodes.writes).toBe(2)
  })

  it('gets state, mode and generation from another node where the first one is gone', () => {
    const nodes = new Nodes(['a', 'b', 'c', 'd'], ['b', 'c'])
    nodes.look(2, {})
    nodes.remove('b')
    nodes.look(20, { mode: 'block', observedGeneration: 2 })
    expect(nodes.status).toMatchObject({ mode: 'block', observedGeneration: 2 })
    expect(nodes.writes).toBe(2)
  })

  it('is not written in turn by two nodes in different modes', () => {
    const nodes = new Nodes(['a', 'b', 'c'], ['a', 'b', 'c'])
    nodes.look(50, {}, { c: 'block' })
    expect(nodes.status).toMatchObject({ mode: 'alert' })
    expect(nodes.writes).toBe(3)
  })

  it('is there where no node has slices, and each node writes its state at most once', () => {
    const nodes = new Nodes(['a', 'b', 'c'], [])
    nodes.look(20, {})
    expect(nodes.status).toMatchObject({ mode: 'alert' })
    expect(nodes.writes).toBe(1)
    nodes.look(20, {}, { a: 'block', c: 'learn' })
    expect(nodes.writes).toBeLessThanOrEqual(1 + 3)
  })

  it('is looked at as for the first time after its profile was removed', () => {
    const turn = new StatusTurn('b')
    const isHere = (): boolean => turn.isHere(name, ['a'], status(), undefined)
    expect([isHere(), isHere(), isHere()]).toEqual([false, true, false])
    turn.forget(name)
    expect([isHere(), isHere()]).toEqual([false, true])
  })
})
