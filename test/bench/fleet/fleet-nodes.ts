import { createInterface } from 'node:readline'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { Decider } from '../../../src/api/engine.ts'
import { SnugEngine } from '../../../src/agent/engine/snug-engine.ts'
import { FleetSync } from '../../../src/fleet/fleet-sync.ts'
import type { KubeFleet } from '../../../src/fleet/kubernetes/kube-fleet.ts'
import { kubeNode } from '../../../src/fleet/kubernetes/kube-node.ts'
import { daemonWorld, type DaemonWorld, eventMessage } from '../../fixtures/daemon-fixtures.ts'
import { identityOf } from '../../fixtures/identity-fixtures.ts'
import { type Answer, type Applied, nodeName, type Order, program, reads } from './fleet-orders.ts'

/**
 * `fleet-nodes.ts KUBECONFIG FROM COUNT SHARE-WITHIN-MS whole|readers`: so many nodes of a fleet, each with its own
 * connections to the API server. A whole one has a daemon and its FleetSync; a reader only has what reads the fleet. Each
 * line of standard input is an order to the whole ones; answers are lines too.
 */
const [kubeconfig = '', from = '0', count = '0', shareWithin = '0', kind = 'whole'] =
  process.argv.slice(2)
const flushMs = 100
/** Nodes that start together. */
const atOnce = 50

const now = (): number => performance.timeOrigin + performance.now()
const print = (answer: Answer): void => void process.stdout.write(`${JSON.stringify(answer)}\n`)

let applied: Applied[] = []

/** Notes when a decision is applied: it is in the profile, and in the journal of the daemon. */
class NotingEngine extends SnugEngine {
  /** When the latest decisions came from the API server. */
  receivedMs = 0

  override async approve(...args: Parameters<SnugEngine['approve']>) {
    const answer = await super.approve(...args)
    this.#note(args[2])
    return answer
  }

  override async reject(...args: Parameters<SnugEngine['reject']>) {
    const answer = await super.reject(...args)
    this.#note(args[2])
    return answer
  }

  override async setMode(...args: Parameters<SnugEngine['setMode']>) {
    const answer = await super.setMode(...args)
    this.#note(args[2])
    return answer
  }

  #note({ at = '' }: Decider): void {
    applied.push({ at, receivedMs: this.receivedMs, appliedMs: now() })
  }
}

class SimulatedNode {
  readonly name: string
  readonly world: DaemonWorld
  readonly #sync: FleetSync

  constructor(number: number) {
    this.name = nodeName(number)
    this.world = daemonWorld({
      node: this.name,
      clock: Date.now,
      rules: { floorMs: 30_000, ceilingMs: 3_600_000 },
    })
    const engine = new NotingEngine(this.world.daemon, '0', {})
    const node = kubeNode(kubeconfig, this.name)
    this.#sync = new FleetSync({
      context: this.world.daemon,
      engine,
      holds: this.world.daemon.sharedHolds,
      makeFleet: (link) =>
        node.fleet({
          ...link,
          onSpecDecision: (decision) => {
            engine.receivedMs = now()
            link.onSpecDecision(decision)
          },
        }),
      shareWithinMs: Number(shareWithin),
    })
  }

  /** Resolves once it has listed what the fleet has. */
  async start(): Promise<void> {
    await this.world.start()
    // A watch of the event loop for each node would be most of the work of this process.
    this.world.daemon.loop.close()
    await this.#sync.start(new AbortController().signal)
  }

  /** Programs of the container of this image read a file. */
  async reads(digest: string, programs: readonly string[]): Promise<void> {
    const { source, containers } = this.world
    const id = digest.slice('sha256:'.length)
    const time = new Date().toISOString()
    if (containers.known(id) === undefined) {
      const image = { repository: 'shop/web', tag: '1', digest }
      containers.report(identityOf(id, { image, imageId: digest }))
      containers.atOnce.add(id)
      source.emit({ type: 'container-started', container: { id, cgroup: '', time, before: false } })
    }
    for (const each of programs) {
      const { image: _, ...event } = reads(each)
      const here = { ...event, node: this.name, time, container: { id } } as ActEvent
      source.emit(eventMessage(here))
    }
    await source.received()
  }

  behaviours(digest: string): number {
    return this.world.daemon.registry.index.findOne(`shop/web@${digest}`).profile.size
  }

  get faults(): readonly string[] {
    return [...this.world.daemon.faults.values()]
  }
}

/** The part of a node that reads the fleet: what the others read costs the server as much. */
class ReadingNode {
  readonly #fleet: KubeFleet

  constructor(number: number) {
    this.#fleet = kubeNode(kubeconfig, nodeName(number)).fleet({
      onEntries: () => undefined,
      onSpecDecision: (decision) => {
        const receivedMs = now()
        const times = [decision.mode, ...decision.decisions].map((each) => each?.at ?? '')
        const at = times.reduce((latest, each) => (each > latest ? each : latest))
        if (at !== '') applied.push({ at, receivedMs })
      },
      onSpecDecisionGone: () => undefined,
    })
  }

  start(): Promise<void> {
    return this.#fleet.start(new AbortController().signal)
  }
}

const numbers = Array.from({ length: Number(count) }, (_, index) => Number(from) + index)
const nodes = kind === 'whole' ? numbers.map((each) => new SimulatedNode(each)) : []
const readers = kind === 'whole' ? [] : numbers.map((each) => new ReadingNode(each))
const all = [...nodes, ...readers]
for (let first = 0; first < all.length; first += atOnce)
  await Promise.all(all.slice(first, first + atOnce).map((node) => node.start()))
print({ kind: 'ready' })
setInterval(() => {
  if (applied.length === 0) return
  print({ kind: 'applied', applied })
  applied = []
}, flushMs)

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Order
  for (const [index, node] of nodes.entries()) {
    const length = index % (order.own + 1)
    const own = Array.from({ length }, (_, n) => program(`own-${n}`, Number(from) + index))
    await node.reads(order.digest, [...order.programs, ...own])
  }
  const behaviours = Math.min(...nodes.map((node) => node.behaviours(order.digest)))
  const faults = [...new Set(nodes.flatMap((node) => node.faults))]
  print({ kind: 'done', behaviours, faults })
}
process.exit(0)
