import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const sh = promisify(execFile)

/** Half of what the kernel's verifier takes: other kernels need more for the same program. */
const mostInstructions = 500_000

/** What the verifier of this kernel processed, of each program that this kernel can load. */
async function complexityOf(object: string): Promise<ReadonlyMap<string, number>> {
  const file = fileURLToPath(new URL(`../../agent/build/${object}`, import.meta.url))
  // Others are of security hooks. The kernels that have those load them in virtual machines.
  const args = ['-o', 'csv', '-e', 'prog,verdict,insns', '-f', 'on_*', '-f', 'catch_*', file]
  const { stdout } = await sh('veristat', args)
  const rows = stdout.trim().split('\n').slice(1)
  return new Map(
    rows.flatMap((row) => {
      const [name = '', verdict, instructions] = row.split(',')
      return verdict === 'success' ? [[name, Number(instructions)] as const] : []
    }),
  )
}

describe.each([
  ['sensor.bpf.o', ['on_sys_exit', 'on_exec', 'on_uring', 'on_connect6']],
  ['portable.bpf.o', ['on_exec', 'on_uring', 'catch_open', 'on_connect6']],
])('the programs of %s', (object, some) => {
  it('are far from the limit of the verifier', async () => {
    const complexity = await complexityOf(object)
    expect([...complexity.keys()]).toEqual(expect.arrayContaining(some))
    const tooComplex = [...complexity].filter(([, count]) => !(count < mostInstructions))
    expect(tooComplex).toEqual([])
  })
})
