import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, test } from 'vitest'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { runPage, snugOnPath } from '../fixtures/tutorial.ts'

const { socket } = sharedEngine()
const folder = mkdtempSync('/tmp/snug-tutorial-')
const kernelState = `/sys/fs/bpf/${folder.split('/').at(-1)}`
/** Where the commands of a page find this test's engine and checkout; the pages have none of it. */
const env = {
  PATH: `${snugOnPath(folder)}:${process.env['PATH']}`,
  DOCKER_HOST: `unix://${socket}`,
  DOCKER_CONFIG: join(folder, 'docker'),
  SNUG_ENGINES_DOCKER_SOCKET: socket,
  SNUG_KERNEL_STATE: kernelState,
  SNUG_LISTEN: 'none',
}

afterAll(() => {
  execFileSync(
    join(folder, 'bin/snug'),
    ['kernel', 'detach', '--yes', '--kernel-state', kernelState],
    { stdio: 'ignore' },
  )
  rmSync(folder, { recursive: true, force: true })
})

test.each(['ci.md', 'ten-minutes.md'])(
  'every command of %s works as it stands, with the output that the page shows',
  (page) => runPage(page, { cwd: folder, env, timeoutMs: 400_000 }),
  420_000,
)
