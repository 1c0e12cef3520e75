import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { residentMiB } from '../bench/process-usage.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { EmptyCluster } from '../fixtures/kube-server.ts'

const docker = { socket: 'none' }

/** Loading its modules leaves garbage, which is collected as the daemon goes on. */
async function settle(agent: Agent): Promise<void> {
  for (let n = 0; n < 20; n++) {
    await agent.json(['status'])
    await pause(100)
  }
}

describe('a daemon that watches nothing', () => {
  it('needs at most 105 MiB, of which 46 are the program of Node', async () => {
    await using agent = await startAgent({ config: { sources: ['file:-'], engines: { docker } } })
    await settle(agent)
    expect(residentMiB(agent.pid)).toBeLessThan(105)
  })

  it('needs no more in a cluster, with the client library', async () => {
    await using cluster = await EmptyCluster.start()
    const kubernetes = { access: cluster.kubeconfig, share: true }
    const engines = { docker, kubernetes }
    await using agent = await startAgent({ config: { sources: ['file:-'], engines } })
    await cluster.watched()
    await settle(agent)
    expect(residentMiB(agent.pid)).toBeLessThan(105)
  })
})
