import { machineWithNginx, testAppArmor } from './apparmor-suite.ts'
import { testKernel } from './kernel-suite.ts'
import { amd64 } from './platform.ts'

testKernel({
  title: "Debian 13's kernel",
  platform: amd64,
  version: '6.12',
  withLsm: { options: machineWithNginx, suite: testAppArmor },
})
