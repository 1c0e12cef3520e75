import { tryBypasses } from '../bypass-suite.ts'
import { testKernel } from '../kernel-suite.ts'
import { withoutBpf } from '../machine.ts'
import { bookworm } from '../platform.ts'
import { machineLane } from '../sensor-machine.ts'

testKernel({ title: "Debian 12's kernel", platform: bookworm, version: '6.1' })

// The programs for older kernels on a newer verifier: those between were not to be had. An older one follows each branch
// by itself, so what costs nothing elsewhere may keep the sensor from starting.
tryBypasses("Debian 12's kernel, by the programs for older kernels", 'lsm', () =>
  machineLane({ platform: bookworm, append: withoutBpf }, ['--portable']),
)
