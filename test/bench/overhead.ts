import { uniqueName } from '../fixtures/agent.ts'
import type { Bench } from './bench.ts'
import { type Figure, isNarrow, ratioOf } from './figures.ts'
import { type Loop, loops, type OverheadService, startOverheadService } from './overhead-service.ts'
import { SwitchedSensor } from './switched-sensor.ts'

const sliceMs = 50
/** Of each mode, without programs and with them. More follow while an interval is wider than asked. */
const leastAlternations = 120
const mostAlternations = 480
/** Half of the 95 % interval, as a share of the ratio. */
const narrow = 0.02

const asked: Readonly<Record<Loop, readonly [name: string, most?: number]>> = {
  open: ['open + close', 1.2],
  drawn: ['open + close, by a pattern'],
  exec: ['fork + exec + wait', 1.03],
  connect: ['connect + accept', 1.05],
  hello: ['connect + hello in TLS', 1.05],
}

type Sample = Readonly<Record<Loop, number>>

/**
 * The cost of learned events in a service that does nothing else. Within one process, the programs of the sensor are
 * attached and detached for slices of 50 ms in a random order, because the speed of a shared machine drifts by more than
 * what is measured.
 */
export const overheadBench: Bench = {
  name: 'overhead',
  what: `loops in a container, ${leastAlternations} to ${mostAlternations} times without the programs of the sensor and with them; processor time, 95 % intervals`,
  async run({ engine, print }) {
    const { docker } = await engine()
    const sensor = await SwitchedSensor.start()
    const service = await startOverheadService(docker, `${uniqueName('overhead')}:1`)
    try {
      const learned = ['open', 'learned', 'exec', 'connect', 'hello'] as const
      for (const loop of learned) await service.run(loop, 1)
      await sensor.learn(service.id)
      const figures: Figure[] = []
      for (const mode of ['alert', 'block'] as const) {
        await sensor.enforce(mode)
        for (const loop of loops) await service.run(loop, sliceMs)
        const measured = await alternate(sensor, service)
        for (const loop of loops) {
          const [name, value] = asked[loop]
          const of = (samples: readonly Sample[]): number[] => samples.map((one) => one[loop])
          const { bare, attached } = measured
          const limit = value === undefined ? undefined : ({ at: 'most', value } as const)
          figures.push(ratioOf(`${name}, ${mode}`, 'ns', of(bare), of(attached), limit))
        }
        print(`  ${mode} done, ${measured.bare.length} alternations`)
      }
      sensor.assertQuiet()
      return figures
    } finally {
      await service.stop()
      await sensor.stop()
    }
  },
}

async function alternate(
  sensor: SwitchedSensor,
  service: OverheadService,
): Promise<Readonly<Record<'bare' | 'attached', readonly Sample[]>>> {
  const bare: Sample[] = []
  const attached: Sample[] = []
  const isEnough = (): boolean =>
    bare.length >= mostAlternations ||
    (bare.length >= leastAlternations &&
      bare.length % 40 === 0 &&
      loops.every((loop) => {
        const of = (samples: readonly Sample[]): number[] => samples.map((one) => one[loop])
        return isNarrow(ratioOf('', '', of(bare), of(attached)), narrow)
      }))
  while (!isEnough()) {
    const isAttachedFirst = Math.random() < 0.5
    for (const on of [isAttachedFirst, !isAttachedFirst]) {
      await sensor.attach(on)
      const sample: Partial<Record<Loop, number>> = {}
      for (const loop of loops) sample[loop] = (await service.run(loop, sliceMs)).cpu
      ;(on ? attached : bare).push(sample as Sample)
    }
  }
  await sensor.attach(true)
  return { bare, attached }
}
