import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { bundledProgram } from '../fixtures/bundled-program.ts'
import type { BehaviourMemory } from './behaviour-memory.ts'

const program = `
import { behaviourMemory } from './test/soak/behaviour-memory.ts'
process.stdout.write(JSON.stringify(behaviourMemory(Number(process.argv[2]))))
`

function measured(file: string, images: number): BehaviourMemory {
  const output = execFileSync(process.execPath, ['--expose-gc', file, String(images)])
  return JSON.parse(output.toString()) as BehaviourMemory
}

describe('The memory of profiles', () => {
  it('grows by at most 2,350 bytes with each behaviour', async () => {
    const file = await bundledProgram('behaviour-memory', program)
    const few = measured(file, 20)
    const many = measured(file, 60)
    const behaviours = many.behaviours - few.behaviours
    const bytes = (many.bytes - few.bytes) / behaviours
    const cells = (many.cells - few.cells) / behaviours
    process.stdout.write(`${bytes.toFixed(0)} bytes and ${cells.toFixed(1)} cells a behaviour\n`)
    expect(behaviours).toBeGreaterThan(3_000)
    expect(cells).toBeGreaterThan(4.5)
    expect(bytes).toBeLessThan(2_350)
  })
})
