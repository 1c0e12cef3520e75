import { tryBypasses } from '../bypass-suite.ts'
import { machineLane } from '../machine-lane.ts'
import { withBpf, withoutBpf } from '../machine.ts'
import { bullseye } from '../platform.ts'
import { testSensor } from '../sensor-suite.ts'

// The oldest kernel that the sensor runs on, by its programs for older kernels.
tryBypasses("Debian 11's kernel, by fmod_ret", '5.10 `fmod_ret`', () =>
  machineLane({ platform: bullseye, append: withoutBpf }),
)
tryBypasses("Debian 11's kernel, by BPF LSM", '5.10 LSM', () =>
  machineLane({ platform: bullseye, append: withBpf }),
)
testSensor(
  "Debian 11's kernel, by fmod_ret,",
  'hook.fmod_ret/security_',
  { platform: bullseye, append: withoutBpf },
  ['create_user_ns', 'inode_init_security_anon'],
)
testSensor(
  "Debian 11's kernel, by BPF LSM,",
  'hook.lsm/',
  { platform: bullseye, append: withBpf },
  ['userns_create', 'inode_init_security_anon'],
)
