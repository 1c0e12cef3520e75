import { tryBypasses } from './bypass-suite.ts'
import { type MachineOptions, withBpf, withoutBpf } from './machine.ts'
import type { Column } from './outcome-table.ts'
import type { Platform } from './platform.ts'
import { testReopened } from './reopened-suite.ts'
import { laneIn, onMachine, type SensorMachine } from './sensor-machine.ts'
import { testSensor } from './sensor-suite.ts'

interface Kernel {
  readonly title: string
  readonly platform: Platform
  readonly version: '5.10' | '6.1' | '6.12' | '7.3'
  /** Hooks that the kernel does not have, by their names in each family. */
  readonly lacking?: { readonly lsm: readonly string[]; readonly fmodRet: readonly string[] }
  readonly serverNames?: 'unseen'
  /** Another machine with BPF LSM, and what else it shows. */
  readonly withLsm?: {
    options(): Promise<MachineOptions>
    suite(running: () => SensorMachine): void
  }
}

/** What the sensor observes and refuses on one of Debian's kernels, by BPF LSM and by `fmod_ret`. */
export function testKernel(kernel: Kernel): void {
  const { title, platform, version, lacking, serverNames = 'blocked', withLsm } = kernel
  const families = [
    ['BPF LSM', 'LSM', 'hook.lsm/', withBpf, lacking?.lsm],
    ['fmod_ret', '`fmod_ret`', 'hook.fmod_ret/security_', withoutBpf, lacking?.fmodRet],
  ] as const
  for (const [family, inTable, prefix, append, without] of families) {
    const more = family === 'BPF LSM' ? withLsm : undefined
    const named = `${title}, by ${family}`
    const column: Column = `${version} ${inTable}`
    onMachine(
      named,
      async () => ({ platform, append, ...(await more?.options()) }),
      (running) => {
        testReopened(running)
        more?.suite(running)
        tryBypasses(named, column, () => laneIn(running()))
        testSensor(running, { prefix, lacking: without ?? [], serverNames })
      },
    )
  }
}
