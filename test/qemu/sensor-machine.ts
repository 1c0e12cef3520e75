import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe } from 'vitest'
import { Recorder } from '../sensor/recorder.ts'
import { watchedUnits } from './blocked-unit.ts'
import type { Lane } from './bypass-suite.ts'
import { Machine, type MachineOptions } from './machine.ts'

/** A virtual machine with a running sensor. */
export interface SensorMachine {
  readonly machine: Machine
  readonly recorder: Recorder
  stop(): Promise<void>
}

async function start(
  options: MachineOptions,
  sensorArguments: readonly string[],
): Promise<SensorMachine> {
  const machine = await Machine.boot(options)
  const recorder = new Recorder({
    sensorPath: machine.sensorPath,
    sensorArguments,
    units: watchedUnits,
  })
  const stop = async (): Promise<void> => {
    await recorder.stop()
    await machine.stop()
  }
  const isUp = new AbortController()
  try {
    await Promise.race([recorder.running(), sensorEnds(machine, isUp.signal)])
  } catch (error) {
    const said = machine.log.slice(-4_000)
    await stop()
    throw new Error(said, { cause: error })
  } finally {
    isUp.abort()
  }
  return { machine, recorder, stop }
}

/** Rejects once it has: the source on this side of the port does not notice, and would wait for its first frame. */
async function sensorEnds(machine: Machine, isUp: AbortSignal): Promise<void> {
  while (!isUp.aborted) {
    const [end] = /sensor: ended with .*/.exec(machine.log) ?? []
    if (end !== undefined) throw new Error(end)
    await delay(250)
  }
}

/**
 * Suites that share one machine, as an emulated kernel takes a minute to check the sensor's programs. Those that need
 * the sensor's filter come before those that switch it off.
 */
export function onMachine(
  title: string,
  options: () => MachineOptions | Promise<MachineOptions>,
  suites: (running: () => SensorMachine) => void,
): void {
  describe(title, () => {
    let running: SensorMachine
    beforeAll(async () => {
      running = await start(await options(), [])
    })
    afterAll(async () => {
      await running.stop()
    })
    suites(() => running)
  })
}

/** A container of `bypass-acts.c` in the machine. */
export async function laneIn({ machine, recorder }: SensorMachine): Promise<Lane> {
  const container = await machine.container(randomBytes(32).toString('hex'), '/bin/bypass serve')
  return {
    id: container.id,
    recorder,
    data: () => machine.run(`ls /run/${container.id}/root/data`),
    run: (command) => container.run(command),
    stop: () => container.stop(),
  }
}

/** The same in a machine that ends with it. `sensorArguments`: more for the sensor. */
export async function machineLane(
  options: MachineOptions = {},
  sensorArguments: readonly string[] = [],
): Promise<Lane> {
  const running = await start(options, sensorArguments)
  const lane = await laneIn(running)
  return {
    ...lane,
    stop: async () => {
      await lane.stop()
      await running.stop()
    },
  }
}
