import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { ABI, layout } from '../../src/pipeline/sources/ebpf/abi.ts'

it('the layout that was compiled is the one that the decoder reads, field by field', () => {
  const sensor = new URL('../../agent/snug-sensor', import.meta.url).pathname
  const compiled: unknown = JSON.parse(execFileSync(sensor, ['--abi'], { encoding: 'utf8' }))
  expect(compiled).toEqual({ ...layout, abi: ABI })
})
