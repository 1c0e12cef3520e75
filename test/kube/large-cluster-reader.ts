import { setTimeout as delay } from 'node:timers/promises'
import { KubeApi } from '../../src/fleet/kubernetes/api.ts'
import { KubeEngine } from '../../src/fleet/kubernetes/kube-engine.ts'

/** Run by large-cluster.test.ts: an agent's view of the cluster at URL, and its cost. */
const [, , url = '', last = ''] = process.argv
const api = new KubeApi({ from: 'a test', server: new URL(url), options: async () => ({}) })
const engine = new KubeEngine({ api, node: 'n1' })
const stop = new AbortController()
const rss = (): number => {
  globalThis.gc?.()
  return Math.round(process.memoryUsage().rss / 1_048_576)
}
const heap = (): number => Math.round(process.memoryUsage().heapUsed / 1_048_576)
const before = rss()
const heapBefore = heap()
const began = performance.now()
await engine.start(stop.signal)
const podsMs = Math.round(performance.now() - began)
const count = (): number => [...engine.addresses()].length
for (let known = -1; known !== count() || known === 0; ) {
  known = count()
  await delay(500)
}
const peak = Math.round(process.resourceUsage().maxRSS / 1_024)
const addresses = [...engine.addresses()]
const named = addresses.filter((address) => engine.peer(address) !== undefined).length
const figures = {
  podsMs,
  beforeMiB: before,
  afterMiB: rss(),
  peakMiB: peak,
  keptMiB: heap() - heapBefore,
  addresses: addresses.length,
  named,
  last: engine.known(last) === undefined ? 0 : 1,
}
process.stdout.write(JSON.stringify(figures))
stop.abort()
process.exit(0)
