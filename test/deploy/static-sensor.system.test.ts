import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { releaseSensor } from '../fixtures/release-sensors.ts'

const agent = fileURLToPath(new URL('../../agent', import.meta.url))
const folder = mkdtempSync('/var/tmp/snug-static-')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function builtIn(name: string): Promise<string> {
  const copy = join(folder, name)
  const built = [join(agent, 'build'), join(agent, 'snug-sensor')]
  cpSync(agent, copy, { recursive: true, filter: (path) => !built.includes(path) })
  await promisify(execFile)('make', ['-s', '-C', copy])
  return join(copy, 'snug-sensor')
}

const elf = (...args: readonly string[]): string =>
  execFileSync('readelf', [...args], { encoding: 'utf8' })

function expectStatic(sensor: string): void {
  expect(elf('-d', sensor)).not.toContain('NEEDED')
  expect(elf('-l', sensor)).not.toContain('INTERP')
}

describe('the sensor', () => {
  it('is the same file whatever folder it was built in, and needs no library', async () => {
    const first = await builtIn('one')
    const second = await builtIn('another/and/deeper')
    expect(readFileSync(second).equals(readFileSync(first))).toBe(true)
    expectStatic(first)
  })

  it('names the libraries that are linked in', () => {
    const printed = execFileSync(join(agent, 'snug-sensor'), ['--libraries'], { encoding: 'utf8' })
    expect(printed).toMatch(/^libbpf@\d\S+ libelf@0\S+ zlib@1\S+ libzstd@1\S+ glibc@2\S+\n$/)
  })

  it('is compiled for arm64 too', () => {
    const sensor = releaseSensor('arm64')
    expect(elf('-h', sensor)).toMatch(/Machine: +AArch64/)
    expectStatic(sensor)
  })
})
