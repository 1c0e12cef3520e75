import { testKernel } from '../kernel-suite.ts'
import { backports } from '../platform.ts'

// The newest kernel of Debian: it may be another one next month.
testKernel({ title: "Debian's newest kernel", platform: backports, version: '7.3' })
