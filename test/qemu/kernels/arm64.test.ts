import { tryBypasses } from '../bypass-suite.ts'
import { crossPrograms } from '../cross-programs.ts'
import { machineLane } from '../sensor-machine.ts'
import { aarch32, arm64 } from '../platform.ts'

// On another machine the sensor is compiled for it; this one only emulates.
tryBypasses(
  "Debian's kernel for arm64, by BPF LSM",
  'lsm',
  () => machineLane({ platform: arm64, programs: crossPrograms(arm64) }),
  'arm64',
)
tryBypasses(
  "Debian's kernel for arm64, in a container of AArch32's programs",
  'lsm',
  () => machineLane({ platform: aarch32, programs: crossPrograms(aarch32) }),
  'arm64',
)
