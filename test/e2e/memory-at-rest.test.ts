import { describe, expect, it } from 'vitest'
import { residentMiB } from '../bench/process-usage.ts'
import { type Agent, startAgent } from '../fixtures/agent.ts'
import { EmptyCluster } from '../fixtures/kube-server.ts'

const docker = { socket: 'none' }

/** Looks in a row, twice a second: at rest, and not low for a moment between two of its timers. */
const looks = 40

/**
 * To load its modules leaves garbage. Node collects it once the process has rested for some seconds, which a query would
 * interrupt: so nothing is asked meanwhile.
 */
async function expectRest(agent: Agent): Promise<void> {
  let inARow = 0
  const rested = (): number => (inARow = residentMiB(agent.pid) < 105 ? inARow + 1 : 0)
  await expect.poll(rested, { interval: 500 }).toBeGreaterThanOrEqual(looks)
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
