import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { bundledProgram } from '../fixtures/bundled-program.ts'
import { shippedEnvironment } from '../fixtures/shipped-environment.ts'
import type { SoakFigures } from './soak.ts'
import type { SoakScale } from './workload.ts'

const program = `
import { soak } from './test/soak/soak.ts'
const figures = await soak(JSON.parse(process.argv[2]))
process.stdout.write(JSON.stringify(figures))
`

/** Runs a soak in a process of its own, whose memory and turns are only those of the daemon. */
export async function soakApart(
  scale: SoakScale,
  onProgress: (line: string) => void = () => undefined,
): Promise<SoakFigures> {
  const file = await bundledProgram('soak', program)
  const child = spawn(process.execPath, [file, JSON.stringify(scale)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...shippedEnvironment() },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  child.stderr.setEncoding('utf8').on('data', onProgress)
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`the soak ended with ${code}`)
  return JSON.parse(output) as SoakFigures
}
