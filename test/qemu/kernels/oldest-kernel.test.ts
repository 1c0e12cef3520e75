import { testKernel } from '../kernel-suite.ts'
import { bullseye } from '../platform.ts'

// The oldest kernel that the sensor runs on, by its programs for older kernels.
testKernel({
  title: "Debian 11's kernel",
  platform: bullseye,
  version: '5.10',
  lacking: {
    lsm: ['userns_create', 'inode_init_security_anon'],
    fmodRet: ['create_user_ns', 'inode_init_security_anon'],
  },
  serverNames: 'unseen',
})
