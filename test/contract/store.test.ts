import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openLevelStore } from '../../src/agent/records/store/level-store.ts'
import { MemoryStore } from '../../src/agent/records/store/memory-store.ts'
import { storeSuite } from './store-suite.ts'

storeSuite({ name: 'in memory', open: async () => new MemoryStore() })

let root = ''
storeSuite({
  name: 'on disk',
  open: async () => {
    root = mkdtempSync('/tmp/snug-store-')
    return (await openLevelStore(join(root, 'store'))).store
  },
  dispose: async () => rmSync(root, { recursive: true, force: true }),
})
