import { tryBypasses } from '../bypass-suite.ts'
import { machineLane } from '../machine-lane.ts'
import { withBpf, withoutBpf } from '../machine.ts'
import { backports } from '../platform.ts'
import { testSensor } from '../sensor-suite.ts'

// The newest kernel of Debian: it may be another one next month.
tryBypasses("Debian's newest kernel, by fmod_ret", '7.3 `fmod_ret`', () =>
  machineLane({ platform: backports, append: withoutBpf }),
)
tryBypasses("Debian's newest kernel, by BPF LSM", '7.3 LSM', () =>
  machineLane({ platform: backports, append: withBpf }),
)
testSensor("Debian's newest kernel, by fmod_ret,", 'hook.fmod_ret/security_', {
  platform: backports,
  append: withoutBpf,
})
testSensor("Debian's newest kernel, by BPF LSM,", 'hook.lsm/', {
  platform: backports,
  append: withBpf,
})
