import { describe, expect, it } from 'vitest'
import { EventHistory } from '../../../src/agent/evidence/event-history.ts'
import { act } from '../../fixtures/event-fixture.ts'

const event = (container: string, n: number) => act.file(`/tmp/${n}`, ['read'], { container })

describe('the history of events', () => {
  it('has the last events of each container, and gives others room from the quietest one', () => {
    const history = new EventHistory()
    for (let n = 0; n < 300; n++) history.add(event('busy', n))
    expect(history.of('busy')).toHaveLength(256)
    expect(history.of('busy')[0]).toMatchObject({ file: { path: '/tmp/44' } })
    history.add(event('quiet', 0))
    for (let n = 0; n < 15; n++)
      for (let each = 0; each < 256; each++) history.add(event(`other ${n}`, each))
    expect(history.size).toBe(4_096)
    // The first container was silent for longest.
    expect(history.of('busy')).toHaveLength(255)
    expect(history.of('quiet')).toHaveLength(1)
  })

  it('gives the next events of a container to its followers, until they stop', () => {
    const history = new EventHistory()
    const seen: string[] = []
    const stop = history.follow('a', ({ time }) => seen.push(time))
    history.add(event('a', 1))
    history.add(event('b', 2))
    stop()
    history.add(event('a', 3))
    expect(seen).toHaveLength(1)
  })
})
