import { withBpf, withoutBpf } from '../machine.ts'
import { amd64, backports, bookworm, bullseye } from '../platform.ts'
import { testReopened } from '../reopened-suite.ts'

testReopened("Debian 11's kernel, by fmod_ret", { platform: bullseye, append: withoutBpf })
testReopened("Debian 12's kernel, by BPF LSM", { platform: bookworm, append: withBpf })
testReopened("Debian 13's kernel, by BPF LSM", { platform: amd64, append: withBpf })
testReopened("Debian's newest kernel, by fmod_ret", { platform: backports, append: withoutBpf })
testReopened("Debian's newest kernel, by BPF LSM", { platform: backports, append: withBpf })
