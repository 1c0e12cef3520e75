import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cliPath } from '../fixtures/agent.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { blocksOf, runBlocks } from '../fixtures/tutorial.ts'

const { socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-tutorial-')
const kernelState = `/sys/fs/bpf/${folder.split('/').at(-1)}`
/** Where the commands of a page find this test's engine and checkout; the pages have none of it. */
const env = {
  PATH: `${folder}/bin:${process.env['PATH']}`,
  DOCKER_HOST: `unix://${socket}`,
  DOCKER_CONFIG: join(folder, 'docker'),
  SNUG_ENGINES_DOCKER_SOCKET: socket,
  SNUG_KERNEL_STATE: kernelState,
  SNUG_LISTEN: 'none',
}

beforeAll(() => {
  mkdirSync(join(folder, 'bin'))
  const snug = join(folder, 'bin/snug')
  writeFileSync(snug, `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`)
  chmodSync(snug, 0o755)
})

afterAll(() => {
  execFileSync(
    join(folder, 'bin/snug'),
    ['kernel', 'detach', '--yes', '--kernel-state', kernelState],
    { stdio: 'ignore' },
  )
  rmSync(folder, { recursive: true, force: true })
})

test.each(['ci.md'])(
  'every command of %s works as it stands, with the output that the page shows',
  async (page) => {
    const blocks = blocksOf(page)
    expect(blocks.length).toBeGreaterThan(3)
    const { code, outputs } = await runBlocks(blocks, { cwd: folder, env, timeoutMs: 240_000 })
    const last = blocks[outputs.length - 1]
    expect(code, `the block at line ${last?.line}:\n${outputs.join('\n----\n')}`).toBe(0)
    expect(outputs).toHaveLength(blocks.length)
    for (const [i, { line, promised }] of blocks.entries()) {
      for (const text of promised) expect(outputs[i], `the block at line ${line}`).toContain(text)
    }
  },
  300_000,
)
