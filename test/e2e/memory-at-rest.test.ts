import { describe, expect, it, vi } from 'vitest'
import { residentMiB } from '../bench/process-usage.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { EmptyCluster } from '../fixtures/kube-server.ts'

const docker = { socket: 'none' }

/**
 * To load its modules leaves garbage. Node collects it once the process has rested for some seconds, which a query would
 * interrupt: so nothing is asked meanwhile.
 */
async function expectRest(agent: Agent): Promise<void> {
  await vi.waitFor(() => expect(residentMiB(agent.pid)).toBeLessThan(105), {
    timeout: 60_000,
    interval: 500,
  })
}

describe('a daemon that watches nothing', () => {
  it('needs at most 105 MiB, of which 46 are the program of Node', async () => {
    await using agent = await startAgent({ config: { sources: ['file:-'], engines: { docker } } })
    await expectRest(agent)
  })

  it('needs no more in a cluster, with the client library', async () => {
    await using cluster = await EmptyCluster.start()
    const kubernetes = { access: cluster.kubeconfig, share: true }
    const engines = { docker, kubernetes }
    await using agent = await startAgent({ config: { sources: ['file:-'], engines } })
    await cluster.watched()
    await expectRest(agent)
  })
})
