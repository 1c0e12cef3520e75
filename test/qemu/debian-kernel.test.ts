import { withoutBpf } from './machine.ts'
import { testSensor } from './sensor-suite.ts'

testSensor("Debian 13's kernel, by BPF LSM,", 'hook.lsm/', {})
testSensor("Debian 13's kernel, by fmod_ret,", 'hook.fmod_ret/security_', { append: withoutBpf })
