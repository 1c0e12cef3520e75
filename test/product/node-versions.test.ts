import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { ProfileView } from '../../src/api/profile-views.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { runCli, startAgent } from '../fixtures/agent.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

/** The binary of npm's own `node` package: it lives in a package for each platform. */
async function nodeBinary(major: number): Promise<string> {
  const platform = `node-${process.platform}-${process.arch}`
  const folder = join(root, '.build/node', String(major))
  const binary = join(folder, 'node_modules', platform, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
    await run(
      'npm',
      [
        'install',
        '--no-save',
        '--no-audit',
        '--no-fund',
        '--no-package-lock',
        `${platform}@${major}`,
      ],
      { cwd: folder },
    )
  }
  return binary
}

describe.each([22, 24])('on Node %i', (major) => {
  test('the agent starts, judges a recorded file, keeps it, and ends at SIGTERM', async () => {
    const node = await nodeBinary(major)
    expect((await run(node, ['--version'])).stdout).toMatch(new RegExp(`^v${major}\\.`))
    await using agent = await startAgent({
      node,
      config: { sources: ['file:-'], engines: { docker: { socket: 'none' } } },
    })
    const file = join(agent.folder, 'events.ndjson')
    const event = {
      v: 1,
      time: '2026-11-24T13:40:27.123456Z',
      node: 'n1',
      source: 'file',
      kind: 'exec',
      container: { id: 'c'.repeat(64), name: 'web-1' },
      image: { repository: 'shop/web', tag: '1', digest: `sha256:${'d'.repeat(64)}` },
      process: { pid: 1, exe: '/usr/sbin/nginx', uid: 0, origin: 'entrypoint' },
      exec: { path: '/usr/sbin/nginx', drift: false },
    }
    writeFileSync(file, `${JSON.stringify(event)}\n`)
    const replay = await runCli(['event', 'replay', file, '--socket', agent.socket], { node })
    expect(replay.code).toBe(0)
    expect(await agent.stop()).toBe(0)
    await agent.start()
    expect((await agent.json<StatusView>(['status'])).versions.learning).toBe(1)
    const profile = await agent.json<ProfileView>(['profile', 'show', 'shop/web'])
    expect(profile.behaviours.map(({ kind }) => kind)).toEqual(['exec'])
  })

  test('the contract and property tests pass', async () => {
    const node = await nodeBinary(major)
    const { stdout } = await run(
      node,
      [
        join(root, 'node_modules/vitest/vitest.mjs'),
        'run',
        '--project=fast',
        'test/contract',
        'test/property',
      ],
      {
        cwd: root,
        maxBuffer: 1 << 26,
        // They are no lane of their own.
        env: { ...process.env, NO_COLOR: '1', SNUG_LANE_RESULTS: undefined },
      },
    )
    expect(stdout).toMatch(/Tests\s+\d+ passed/)
  })
})
