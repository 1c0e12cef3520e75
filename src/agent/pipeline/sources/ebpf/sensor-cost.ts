import { text } from 'node:stream/consumers'
import { SnugError } from '../../../../errors.ts'
import type { KernelCost, ProgramCost } from '../../../../api/status-views.ts'
import { builtSensor, SensorProcess } from './sensor-process.ts'

/**
 * Measures for so many seconds what the programs of a running sensor take. Another process of the sensor does it: the
 * kernel measures programs as long as that has asked for it.
 *
 * Errors: `COST_UNMEASURED`, where the kernel refuses to measure or the sensor ended.
 */
export async function sensorCost(
  pid: number,
  seconds: number,
  sensor = builtSensor,
): Promise<KernelCost> {
  const run = new SensorProcess({
    path: sensor,
    args: ['--cost', String(seconds), '--of', String(pid)],
    log: () => undefined,
  })
  const [printed, { how, lastOutput }] = await Promise.all([text(run.output), run.exited])
  if (how !== 'exit 0') throw new SnugError('COST_UNMEASURED', lastOutput ?? how)
  const lines = printed.split('\n').map((line) => line.split(' '))
  const figure = (name: string): number => Number(lines.find(([first]) => first === name)?.[1])
  return {
    seconds: figure('seconds'),
    mapBytes: figure('maps'),
    programs: lines
      .filter(([first]) => first === 'program')
      .map(([, program = '', runs, nanoseconds]) => ({
        program,
        runs: Number(runs),
        nanoseconds: Number(nanoseconds),
      })),
  }
}

/** The sum of measurements, by program. */
export class MeasuredPrograms {
  readonly #sums = new Map<string, ProgramCost>()

  add(programs: readonly ProgramCost[]): void {
    for (const { program, runs, nanoseconds } of programs) {
      const { runs: before = 0, nanoseconds: spent = 0 } = this.#sums.get(program) ?? {}
      this.#sums.set(program, {
        program,
        runs: before + runs,
        nanoseconds: spent + nanoseconds,
      })
    }
  }

  get all(): readonly ProgramCost[] {
    return [...this.#sums.values()]
  }
}
