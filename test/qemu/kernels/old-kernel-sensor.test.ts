import { withBpf, withoutBpf } from '../machine.ts'
import { bookworm } from '../platform.ts'
import { testSensor } from '../sensor-suite.ts'

testSensor("Debian 12's kernel, by fmod_ret,", 'hook.fmod_ret/security_', {
  platform: bookworm,
  append: withoutBpf,
})
testSensor("Debian 12's kernel, by BPF LSM,", 'hook.lsm/', { platform: bookworm, append: withBpf })
