import type { ActEvent } from '../../src/core/event/event.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { buildImage, Container, removeTree } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import type { Bench } from './bench.ts'
import { Crowd, letters } from './crowd.ts'
import { type Figure, paired } from './figures.ts'

const scope = 3
const opens = 20_000
const behaviours = [100, 1_000, 10_000] as const
const containers = [1, 50, 500] as const
/** No figure may grow; this much is noise. */
const limit = { at: 'most', value: 1.05 } as const

/** The sensor by itself: the same loop beneath ever larger profiles, and beside ever more containers. */
export const scaleBench: Bench = {
  name: 'scale',
  what: `open + close, ${opens} times; the ratio is to the smallest`,
  async run({ runs, print }) {
    const image = buildImage()
    const recorder = new Recorder()
    await recorder.running()
    const container = new Container(image)
    try {
      const loop = async (): Promise<number> =>
        Number((await container.run(`measure ${opens} 0`)).split(' ')[0])
      await loop()
      await recorder.source.obeyed()
      const crowd = new Crowd()
      try {
        await crowd.grow(1, () => undefined)
        await recorder.source.obeyed()
        const seen = recorder.acts()
        const { control } = recorder.source
        const use = async (profile: KernelProfile): Promise<void> => {
          control.profile?.(scope, profile)
          await recorder.source.obeyed()
        }
        const profiles = behaviours.map((count) => grown(seen, count))
        control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
        for (const id of [container.id, ...crowd.ids]) control.assign(id, scope, { enforce: true })
        const bySize = await inTurns(runs, profiles, async (profile) => {
          await use(profile)
          return loop()
        })
        print('  profiles done')
        const byCount: number[][] = []
        for (const count of containers) {
          await crowd.grow(count - 1, (id) => control.assign(id, scope, { enforce: true }))
          await recorder.source.obeyed()
          const times: number[] = []
          for (let run = 0; run < runs; run++) times.push(await loop())
          byCount.push(times)
        }
        const reported = recorder.acts(container.id).length - seen.filter(of(container.id)).length
        if (reported > 0) throw new Error(`${reported} acts that the profile knows came up`)
        return [
          ...against('a profile of', 'behaviours', behaviours, bySize),
          ...against('', 'containers', containers, byCount),
        ]
      } finally {
        await crowd.stop()
      }
    } finally {
      await container.stop()
      await recorder.stop()
      removeTree(image)
    }
  },
}

const of =
  (id: string) =>
  ({ container }: ActEvent): boolean =>
    container.id === id

/** The observed behaviours, and this many more that no container shows. */
function grown(seen: readonly ActEvent[], count: number): KernelProfile {
  const profile = new Profile(shaper)
  const observe = (event: ActEvent): void => {
    profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
  }
  for (const event of seen) observe(event)
  const file = seen.find((event) => event.kind === 'file')
  if (file?.kind !== 'file') throw new Error('the loop opened no file')
  for (let i = 0; i < count; i++) {
    const path = `/srv/${letters(i % 300)}/${letters(i)}.html`
    observe({ ...file, file: { path, access: ['read'] } })
  }
  return compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
}

/** Measures each in turn, over and over; gives the times of each. */
async function inTurns<T>(
  runs: number,
  list: readonly T[],
  measure: (one: T) => Promise<number>,
): Promise<number[][]> {
  const times = list.map((): number[] => [])
  for (let run = 0; run < runs; run++) {
    for (const [index, one] of list.entries()) times[index]?.push(await measure(one))
  }
  return times
}

function against(
  before: string,
  after: string,
  sizes: readonly number[],
  times: readonly (readonly number[])[],
): readonly Figure[] {
  const [smallest = []] = times
  return sizes.map((size, index) => {
    const name = `${before} ${size.toLocaleString('en')} ${after}`.trim()
    return paired(name, 'ns', smallest, times[index] ?? [], index === 0 ? undefined : limit)
  })
}
