import { tryBypasses } from './bypass-suite.ts'
import { crossPrograms } from './cross-programs.ts'
import { machineLane } from './machine-lane.ts'
import { arm64 } from './platform.ts'

// On another machine the sensor is compiled for it; this one only emulates.
tryBypasses(
  "Debian's kernel for arm64, by BPF LSM",
  'lsm',
  () => machineLane({ platform: arm64, programs: crossPrograms(arm64) }),
  'arm64',
)
