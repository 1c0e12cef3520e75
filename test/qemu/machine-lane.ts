import { randomBytes } from 'node:crypto'
import { Recorder } from '../sensor/recorder.ts'
import type { Lane } from './bypass-suite.ts'
import { Machine, type MachineOptions } from './machine.ts'

/** A container of `bypass-acts.c` in its own virtual machine. `sensorArguments`: more for the sensor. */
export async function machineLane(
  options: MachineOptions = {},
  sensorArguments: readonly string[] = [],
): Promise<Lane> {
  const machine = await Machine.boot(options)
  const recorder = new Recorder({ sensorPath: machine.sensorPath, sensorArguments })
  try {
    await recorder.running()
  } catch (error) {
    await recorder.stop()
    await machine.stop()
    throw error
  }
  const container = await machine.container(randomBytes(32).toString('hex'), '/bin/bypass serve')
  return {
    id: container.id,
    recorder,
    data: () => machine.run(`ls /run/${container.id}/root/data`),
    run: (command) => container.run(command),
    stop: async () => {
      await container.stop()
      await recorder.stop()
      await machine.stop()
    },
  }
}
