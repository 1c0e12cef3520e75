import { tryBypasses } from './bypass-suite.ts'
import { machineLane } from './machine-lane.ts'
import { withBpf, withoutBpf } from './machine.ts'
import { bookworm } from './platform.ts'

// The oldest kernel that the sensor runs on.
tryBypasses("Debian 12's kernel, by fmod_ret", '6.1 `fmod_ret`', () =>
  machineLane({ platform: bookworm, append: withoutBpf }),
)
tryBypasses("Debian 12's kernel, by BPF LSM", '6.1 LSM', () =>
  machineLane({ platform: bookworm, append: withBpf }),
)
