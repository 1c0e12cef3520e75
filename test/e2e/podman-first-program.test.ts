import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, uniqueName } from '../fixtures/agent.ts'
import { type Outcome, runContainer, startContainer } from '../fixtures/containers.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import {
  expectLearned,
  misledConfig,
  misledService,
  untilArmed,
} from '../fixtures/misled-service.ts'
import { importBusybox, type Podman, startPodman } from '../fixtures/podman.ts'

const shipped = fileURLToPath(new URL('../../deploy/podman/snug.json', import.meta.url))
const sensor = fileURLToPath(new URL('../../agent/snug-sensor', import.meta.url))

/** A test must not end a wait of the hook early: a busy machine is slow. */
const patient = ['--wait', '30000']

/** New containers of a Podman with the hook that the packages ship. */
describe.each(['rootful', 'rootless'] as const)(
  'with the hook of the OCI runtime, a new container of %s Podman',
  (kind) => {
    const image = `localhost/${uniqueName(`first-${kind}`)}:1`
    const other = `localhost/${uniqueName(`other-${kind}`)}:1`
    const hooks = mkdtempSync('/var/tmp/snug-hooks-')
    const userStarts = join(hooks, 'starts.sock')
    let podman: Podman
    let agent: Agent

    /** Podman reads it at each start. */
    function hookWith(...more: readonly string[]): void {
      const file = JSON.parse(readFileSync(shipped, 'utf8')) as {
        readonly hook: { readonly args: readonly string[] }
      }
      const socket = kind === 'rootful' ? agent.socket : userStarts
      const hook = {
        ...file.hook,
        path: join(hooks, 'snug-sensor'),
        args: [...file.hook.args, '--socket', socket, ...more],
      }
      writeFileSync(join(hooks, 'snug.json'), JSON.stringify({ ...file, hook }))
    }

    const run = (of: string): Promise<Outcome> =>
      runContainer(podman.docker, of, ['/bin/other'], podman.options)

    beforeAll(async () => {
      // Where a user can run it.
      chmodSync(hooks, 0o755)
      copyFileSync(sensor, join(hooks, 'snug-sensor'))
      podman = await startPodman(kind, { hooks })
      for (const name of [image, other]) {
        await importBusybox(podman.docker, name, {
          files: { '/bin/other': '#!/bin/sh\necho it ran\n', '/etc/of': name },
        })
      }
      agent = await startAgent({
        config: {
          engines: { docker: { socket: 'none' }, podman: { sockets: [podman.socket], userStarts } },
          ...misledConfig,
        },
      })
      hookWith(...patient)
      await startContainer(podman.docker, image, misledService, podman.options)
      await expectLearned(agent, image, 'podman')
      await setMode(agent, image, 'block')
      await untilArmed(agent, image)
    })

    afterAll(async () => {
      await agent?.[Symbol.asyncDispose]()
      await podman?.stop()
      rmSync(hooks, { recursive: true, force: true })
    })

    async function refused(count: number): Promise<void> {
      for (let each = 0; each < count; each++) {
        const { exitCode, stdout } = await run(image)
        expect({ each, stdout }).toEqual({ each, stdout: '' })
        expect(exitCode).not.toBe(0)
      }
    }

    test('never runs a forbidden first program', async () => {
      await refused(20)
      const together = await Promise.all(Array.from({ length: 8 }, () => run(image)))
      expect(together.map(({ stdout }) => stdout)).toEqual(together.map(() => ''))
      // It would name a container that acted before it was judged.
      expect(await agent.json<StatusView>(['status'])).not.toHaveProperty('enforcementGap')
    })

    test('of another image runs the same program', async () => {
      expect(await run(other)).toMatchObject({ exitCode: 0, stdout: 'it ran\n' })
    })

    describe('while the agent hangs', () => {
      beforeAll(() => void process.kill(agent.pid, 'SIGSTOP'))
      afterAll(() => void process.kill(agent.pid, 'SIGCONT'))

      test('starts after a bounded wait', async () => {
        hookWith('--wait', '500')
        expect(await run(other)).toMatchObject({ exitCode: 0, stdout: 'it ran\n' })
      })

      test('does not start if the hook fails closed', async () => {
        hookWith('--wait', '500', '--fail-closed')
        await expect(run(other)).rejects.toThrow(/error executing hook/)
      })
    })

    test('starts and is blocked again once the agent answers', async () => {
      hookWith(...patient, '--fail-closed')
      expect(await run(other)).toMatchObject({ exitCode: 0, stdout: 'it ran\n' })
      await refused(3)
    })

    test('never runs a forbidden first program while the agent starts again, if the hook fails closed', async () => {
      hookWith(...patient, '--fail-closed')
      await agent.kill()
      let isStarted = false
      const start = agent.start().then(() => (isStarted = true))
      const outputs = new Set<string>()
      while (!isStarted) {
        const { stdout } = await run(image).catch(() => ({ stdout: '' }))
        outputs.add(stdout)
      }
      await start
      expect([...outputs]).toEqual([''])
      await refused(1)
    })

    describe('without an agent', () => {
      beforeAll(() => agent.kill())

      test('starts at once', async () => {
        hookWith(...patient)
        expect(await run(other)).toMatchObject({ exitCode: 0, stdout: 'it ran\n' })
      })

      test('does not start if the hook fails closed', async () => {
        hookWith(...patient, '--fail-closed')
        await expect(run(other)).rejects.toThrow(/error executing hook/)
      })
    })
  },
)
