import { tryBypasses } from '../bypass-suite.ts'
import { machineLane } from '../machine-lane.ts'
import { withBpf, withoutBpf } from '../machine.ts'
import { bookworm } from '../platform.ts'

tryBypasses("Debian 12's kernel, by fmod_ret", '6.1 `fmod_ret`', () =>
  machineLane({ platform: bookworm, append: withoutBpf }),
)
tryBypasses("Debian 12's kernel, by BPF LSM", '6.1 LSM', () =>
  machineLane({ platform: bookworm, append: withBpf }),
)
// The programs for older kernels on a newer verifier: those between were not to be had. An older one follows each branch
// by itself, so what costs nothing elsewhere may keep the sensor from starting.
tryBypasses("Debian 12's kernel, by the programs for older kernels", 'lsm', () =>
  machineLane({ platform: bookworm, append: withoutBpf }, ['--portable']),
)
