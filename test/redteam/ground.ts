import { randomBytes } from 'node:crypto'
import { chmodSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { detachKernelState } from '../../src/agent/pipeline/sources/ebpf/sensor-process.ts'
import { Machine, type MachineOptions } from '../qemu/machine.ts'
import { buildImage, Container, removeTree } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'
import type { Moment } from './composition.ts'
import { addAttackers } from './image.ts'

export interface Attacked {
  readonly id: string
  run(command: string): Promise<string>
  stop(): Promise<void>
}

/** A kernel on which attacks happen. */
export interface Ground {
  /** Of the content of its files: see `tokenOf`. */
  readonly token: string
  /** Which hooks the sensor has there. */
  readonly family: 'tracepoints' | 'security'
  /** Its tracepoints show no capability, and its cgroup hooks no process. */
  readonly before615: boolean
  readonly moments: readonly Moment[]
  /** A sensor. It goes on where the one before it stopped. */
  recording(): Recorder
  /** A container of `red.c`. `dropped`: the slots that have a file that the image did not ship. */
  contain(id: string, args: readonly string[], dropped: readonly number[]): Promise<Attacked>
  close(): Promise<void>
}

export function thisKernel(): Ground {
  const token = randomBytes(8).toString('hex')
  const kernelState = `/sys/fs/bpf/snug-red-${randomBytes(4).toString('hex')}`
  const image = buildImage()
  addAttackers(join(image, 'image'), token)
  return {
    token,
    family: 'tracepoints',
    before615: false,
    moments: ['later', 'flood', 'replaced', 'agent-dead', 'first'],
    recording: () => new Recorder({ kernelState, probeSeconds: 0 }),
    contain: (id, args, dropped) =>
      Promise.resolve(
        new Container(image, 'red', id, 0, args, (root) => {
          for (const slot of dropped) {
            const path = join(root, 'srv', `s${slot}`, 'dropped')
            copyFileSync(join(root, 'data/program'), path)
            chmodSync(path, 0o755)
          }
        }),
      ),
    close: async () => {
      await detachKernelState(kernelState)
      removeTree(image)
    },
  }
}

/** Debian's kernel in a virtual machine. `hooks`: as on a kernel that has no other. */
export async function machineGround(
  options: MachineOptions,
  hooks?: 'tracepoints',
): Promise<Ground> {
  const token = randomBytes(8).toString('hex')
  const addTo = (root: string): void => addAttackers(join(root, 'image'), token)
  const machine = await Machine.boot({ ...options, addTo })
  const sensorArguments = hooks === undefined ? [] : ['--hooks', hooks]
  return {
    token,
    family: hooks ?? 'security',
    before615: true,
    moments: ['later', 'flood', 'replaced'],
    recording: () =>
      new Recorder({ sensorPath: machine.sensorPath, sensorArguments, probeSeconds: 0 }),
    contain: async (id, args, dropped) => {
      const container = await machine.container(id, `/bin/red ${args.join(' ')}`)
      const root = `/run/${id}/root`
      const folders = dropped.map((slot) => `${root}/srv/s${slot}/dropped`)
      for (const path of folders) await machine.run(`cp ${root}/data/program ${path}`)
      return container
    },
    close: () => machine.stop(),
  }
}
