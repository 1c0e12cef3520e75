import { withoutBpf } from './machine.ts'
import { testReopened } from './reopened-suite.ts'

testReopened("Debian 13's kernel, by fmod_ret", { append: withoutBpf })
