import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bundledProgram } from '../fixtures/bundled-program.ts'
import { act } from '../fixtures/event-fixture.ts'
import { cli } from '../fixtures/cli-fixtures.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'snug-stdout-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

it('snug agent continues when its standard output is closed, and ends with 0', async () => {
  const socket = join(dir, 'snug.sock')
  const flags = {
    socket,
    data: 'none',
    listen: 'none',
    'engines-docker-socket': 'none',
    source: 'file:-',
    sink: '{ name: out, type: stdout }',
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const main = await bundledProgram('stdout-gone', `import './src/cli/main.ts'`)
  const agent = spawn(process.execPath, [main, 'agent', ...args])
  const ended = once(agent, 'exit')
  let output = ''
  const refused = new Promise<void>((resolve) => {
    agent.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8')
      if (output.includes('a sink refused alerts')) resolve()
    })
  })
  agent.stdout.destroy()
  agent.stdin.write(`${JSON.stringify(act.file('/etc/shadow', ['read'], { exe: '/bin/cat' }))}\n`)
  await Promise.race([refused, ended])
  expect(agent.exitCode, output).toBeNull()
  const { stdout } = await cli(['alert', 'list', '-o', 'json', '--socket', socket])
  expect(JSON.parse(stdout)).toHaveLength(1)
  agent.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
})
