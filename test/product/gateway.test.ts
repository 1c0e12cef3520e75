import { spawnSync } from 'node:child_process'
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { GatewayView, StatusView } from '../../src/api/status-views.ts'
import { AgentClient } from '../../src/cli/agent-client.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'

/** Tests the process that serves TCP: its privileges, its restart, and its end when the agent dies. */
let folder: string
let agent: Agent
beforeAll(async () => {
  folder = mkdtempSync('/tmp/snug-front-')
  const events = join(folder, 'none.ndjson')
  writeFileSync(events, '')
  agent = await startAgent({
    config: {
      listen: '127.0.0.1:0',
      sources: [`file:${events}`],
      engines: { docker: { socket: 'none' } },
      kernelState: 'none',
    },
  })
})
afterAll(async () => {
  await agent.stop()
  rmSync(agent.folder, { recursive: true, force: true })
  rmSync(folder, { recursive: true, force: true })
})

function statusOf(): Promise<StatusView> {
  return new AgentClient(agent.socket).get<StatusView>('/v1/status')
}

async function gatewayOf(): Promise<GatewayView> {
  await expect.poll(async () => (await statusOf()).gateway).toBeDefined()
  const { gateway } = await statusOf()
  if (gateway === undefined) throw new Error('there is no front')
  return gateway
}

function statusField(pid: number, name: string): string {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1] ?? ''
}

describe('the gateway', () => {
  it('is not root, has no capability and can gain none', async () => {
    const { pid } = await gatewayOf()
    expect(statusField(pid, 'Uid').split('\t')).not.toContain('0')
    expect(statusField(pid, 'Gid').split('\t')).not.toContain('0')
    expect(statusField(pid, 'Groups').trim()).toBe('')
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb']) {
      expect(statusField(pid, set), set).toMatch(/^0+$/)
    }
    expect(statusField(pid, 'NoNewPrivs')).toBe('1')
  })

  it('cannot read the store nor the tokens, and has no open descriptor of either', async () => {
    const { pid, uid } = await gatewayOf()
    for (const path of [join(agent.data, 'tokens.json'), join(agent.data, 'store', 'CURRENT')]) {
      const args = ['--reuid', String(uid), '--regid', String(uid), '--clear-groups', 'cat', path]
      const read = spawnSync('setpriv', args, { encoding: 'utf8' })
      expect(read.stderr).toContain('Permission denied')
    }
    const open = readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`)
      } catch {
        return ''
      }
    })
    expect(open.filter((path) => path.startsWith(agent.folder) && !path.endsWith('.log'))).toEqual(
      [],
    )
  })

  it('serves the API with a token, and the link of `snug ui` opens the page', async () => {
    const { url } = await gatewayOf()
    const token = readFileSync(join(agent.data, 'admin.token'), 'utf8')
    expect((await fetch(`${url}/v1/status`)).status).toBe(401)
    const headers = { authorization: `Bearer ${token}` }
    const status = (await (await fetch(`${url}/v1/status`, { headers })).json()) as StatusView
    expect(status.gateway?.url).toBe(url)
    const link = await agent.json<{ url: string }>(['ui'])
    const opened = await fetch(link.url, { redirect: 'manual' })
    expect(opened.status).toBe(303)
    expect(opened.headers.get('set-cookie')).toContain('HttpOnly')
  })

  it('that is killed is reported, and serves again at the same address', async () => {
    const before = await gatewayOf()
    process.kill(before.pid, 'SIGKILL')
    const degraded = async (): Promise<string> => (await statusOf()).degraded.join()
    await expect.poll(degraded, { interval: 20 }).toMatch(/^front: .*SIGKILL/)
    const after = await gatewayOf()
    expect(after.pid).not.toBe(before.pid)
    expect(after.url).toBe(before.url)
    expect((await fetch(`${after.url}/healthz`)).status).toBe(200)
    await expect.poll(degraded).toBe('')
  })

  it('ends with the agent, however the agent ends', async () => {
    const { pid } = await gatewayOf()
    await agent.kill()
    await expect.poll(() => isThere(pid)).toBe(false)
  })
})

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
