import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { behaviourId, behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { profileName } from '../../../src/fleet/fleet-image.ts'
import { kubeAccess } from '../../../src/fleet/kubernetes/access.ts'
import { KubeApi } from '../../../src/fleet/kubernetes/api.ts'
import { decideProfile } from '../../../src/fleet/kubernetes/decide.ts'
import {
  approving,
  rejecting,
  settingMode,
  type SpecChange,
} from '../../../src/fleet/kubernetes/spec-change.ts'
import { shaper } from '../../fixtures/event-fixture.ts'
import { accountKubeconfig } from '../../kube/account-kubeconfig.ts'
import { Cluster } from '../../kube/cluster/cluster.ts'
import { installKinds } from '../../kube/fleet-node.ts'
import type { Bench } from '../bench.ts'
import { type Figure, plain } from '../figures.ts'
import { program, reads } from './fleet-orders.ts'
import { NodeCrowd } from './node-crowd.ts'
import { type ServerCounts, serverCounts } from './server-figures.ts'

const nodes = Number(process.env['SNUG_FLEET_NODES'] ?? 1_000)
/** Of these, so many have a daemon. Fewer than all, as the processors of this machine are those of each node. */
const whole = Math.min(nodes, Number(process.env['SNUG_FLEET_WHOLE'] ?? 20))
/** Of the default of `engines.kubernetes.shareWithin`. */
const shareWithinMs = Number(process.env['SNUG_FLEET_SHARE_MS'] ?? 120_000)
const restMs = 30_000
const rbac = fileURLToPath(new URL('../../../deploy/kubernetes/base/rbac.yaml', import.meta.url))
const repository = 'shop/web'
/** Programs that read the same file, which makes a behaviour of each. */
const learned = Array.from({ length: 50 }, (_, n) => program('learned', n))
const decided = Array.from({ length: 8 }, (_, n) => program('late', n))
/** Behaviours of single nodes: none, one or two. */
const own = 2

/**
 * A fleet on a real API server and etcd: simulated nodes, each with the daemon's own stages, `FleetSync`, and its own
 * connections with the rights of an agent. Nodes, server and etcd share the processors of this machine.
 */
export const fleetBench: Bench = {
  name: 'fleet',
  what: `${nodes} simulated nodes on an API server`,
  async run({ print }) {
    const cluster = await Cluster.start({ node: false })
    const folder = mkdtempSync('/var/tmp/snug-fleet-')
    try {
      await installKinds(cluster)
      await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'snug' } })
      await cluster.kubectl(['apply', '-n', 'snug', '-f', rbac])
      const file = join(folder, 'kubeconfig')
      const kubeconfig = await accountKubeconfig(cluster, 'snug', 'snug-agent', file)
      const begun = performance.now()
      await using crowd = await NodeCrowd.start(kubeconfig, { nodes, whole, shareWithinMs })
      const startMs = performance.now() - begun
      print(`  ${nodes} nodes have listed the fleet after ${Math.round(startMs / 1_000)} s`)
      const run = new FleetRun(cluster, crowd, print)
      const figures = await run.all()
      return [plain('until all nodes watch the fleet', 's', [startMs / 1_000]), ...figures]
    } finally {
      rmSync(folder, { recursive: true })
      await cluster.stop()
    }
  },
}

interface Late {
  readonly received: number
  /** Of a whole node. */
  readonly applied?: number
}

class FleetRun {
  readonly #cluster: Cluster
  readonly #crowd: NodeCrowd
  readonly #print: (line: string) => void
  readonly #api: KubeApi
  readonly #digest = newDigest()

  constructor(cluster: Cluster, crowd: NodeCrowd, print: (line: string) => void) {
    this.#cluster = cluster
    this.#crowd = crowd
    this.#print = print
    this.#api = new KubeApi(kubeAccess(cluster.kubeconfig))
  }

  async all(): Promise<readonly Figure[]> {
    const figures: Figure[] = []
    figures.push(...(await this.#phase('at rest', restMs)))
    const digest = this.#digest
    await this.#reads(digest, learned, 0)
    figures.push(...(await this.#phase('all learn the same version', 2 * shareWithinMs)))
    // Their windows have ended: what comes now waits for review.
    await this.#reads(digest, decided, own)
    figures.push(...(await this.#decisions()))
    figures.push(...(await this.#phase('deviations wait on each', 2 * shareWithinMs)))
    await this.#reads(newDigest(), learned, own)
    figures.push(...(await this.#phase('each learns behaviours of its own', 2 * shareWithinMs)))
    return figures
  }

  async #reads(digest: string, programs: readonly string[], ownPrograms: number): Promise<void> {
    const answers = await this.#crowd.order({ digest, programs, own: ownPrograms })
    const faults = answers.flatMap((each) => each.faults)
    if (faults.length > 0) throw new Error(faults.join('\n'))
    const fewest = Math.min(...answers.map(({ behaviours }) => behaviours))
    if (fewest < programs.length) throw new Error(`a node has only ${fewest} behaviours`)
  }

  /** Approvals, rejections and modes, one after another; each once all nodes have applied the one before. */
  async #decisions(): Promise<readonly Figure[]> {
    const ids = decided.map(idOf)
    const changes = ids.flatMap((id, n): readonly SpecChange[] => [
      approving({ all: false, behaviours: [id], quarantined: [] }),
      rejecting([id]),
      settingMode(n % 2 === 0 ? 'learn' : 'alert'),
    ])
    const cpuBefore = this.#crowd.cpuSeconds
    const serverBefore = await this.#counts()
    const all: Late[] = []
    for (const change of changes) {
      const late = await this.#decide(change)
      all.push(...late)
      const { received, applied = 0 } = worst(late)
      this.#print(
        `  read by all nodes after ${Math.round(received)} ms, applied after ${Math.round(applied)} ms`,
      )
    }
    const server = await this.#counts()
    const perNode = ((this.#crowd.cpuSeconds - cpuBefore) * 1_000) / (whole * changes.length)
    const perDecision = (server.cpuSeconds - serverBefore.cpuSeconds) / changes.length
    const applied = all.flatMap(({ applied: ms }) => ms ?? []).sort((a, b) => a - b)
    const received = all.map((each) => each.received).sort((a, b) => a - b)
    return [
      plain('from the answer to a decision until a node applied it, half', 'ms', [
        share(applied, 0.5),
      ]),
      plain(
        'from the answer to a decision until a node applied it, 99 of 100',
        'ms',
        [share(applied, 0.99)],
        {
          at: 'most',
          value: 2_000,
        },
      ),
      plain('from the answer to a decision until the last node applied it', 'ms', [
        share(applied, 1),
      ]),
      plain('until a node has read it, 99 of 100', 'ms', [share(received, 0.99)]),
      plain('CPU time of a node for a decision', 'ms', [perNode]),
      plain('CPU time of the API server for a decision', 'ms', [perDecision * 1_000]),
    ]
  }

  /** As `kubectl snug` and the console decide. Resolves once all nodes have applied it: how late each was, in ms. */
  async #decide(change: SpecChange): Promise<readonly Late[]> {
    const name = profileName({ repository, digest: this.#digest })
    const { spec } = await decideProfile(
      this.#api,
      { name, change, author: 'bench' },
      AbortSignal.timeout(30_000),
    )
    const answeredMs = performance.timeOrigin + performance.now()
    const times = [spec.mode, ...(spec.decisions ?? [])].map((each) => each?.at ?? '')
    const at = times.reduce((latest, each) => (each > latest ? each : latest))
    const applied = await this.#crowd.appliedBy(nodes, at)
    return applied.map((each) => ({
      received: each.receivedMs - answeredMs,
      ...(each.appliedMs === undefined ? {} : { applied: each.appliedMs - answeredMs }),
    }))
  }

  async #phase(what: string, forMs: number): Promise<readonly Figure[]> {
    const before = await this.#counts()
    const cpuBefore = this.#crowd.cpuSeconds
    let last = before
    let most = 0
    for (const end = Date.now() + forMs; Date.now() < end; ) {
      await delay(1_000)
      const now = await this.#counts()
      most = Math.max(most, rate(last, now, 'writes'))
      last = now
    }
    const of = (key: keyof ServerCounts): number => rate(before, last, key)
    const { writes, writesOfStatus, eventBytes } = last
    const sum = `${writes - before.writes} writes, ${writesOfStatus - before.writesOfStatus} of a status`
    const megabytes = ((eventBytes - before.eventBytes) / 1e6).toFixed(1)
    this.#print(`  ${what}: ${sum}, ${megabytes} MB to watches`)
    const nodesCpu = (this.#crowd.cpuSeconds - cpuBefore) / ((last.atMs - before.atMs) / 1_000)
    return [
      plain(`${what}: writes`, '/s', [of('writes')]),
      plain(`${what}: writes, the busiest second`, '/s', [most]),
      plain(`${what}: writes of a status`, '/s', [of('writesOfStatus')]),
      plain(`${what}: reads, and watches begun`, '/s', [of('reads')]),
      plain(`${what}: events to watches`, '/s', [of('events')]),
      plain(`${what}: events to watches`, 'kB/s', [of('eventBytes') / 1_000]),
      plain(`${what}: API server`, 'cores', [of('cpuSeconds')]),
      plain(`${what}: all nodes`, 'cores', [nodesCpu]),
      plain(`${what}: API server`, 'MiB', [last.residentBytes / 1_048_576]),
    ]
  }

  #counts(): Promise<ServerCounts> {
    return serverCounts(this.#cluster.kubeconfig)
  }
}

function rate(before: ServerCounts, after: ServerCounts, key: keyof ServerCounts): number {
  return ((after[key] - before[key]) * 1_000) / (after.atMs - before.atMs)
}

function worst(late: readonly Late[]): Late {
  return {
    received: Math.max(...late.map(({ received }) => received)),
    applied: Math.max(...late.map(({ applied = -Infinity }) => applied)),
  }
}

/** The value that so many of the sorted ones do not exceed. */
function share(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(part * sorted.length) - 1] ?? Number.NaN
}

function idOf(exe: string): string {
  const [behaviour] = behavioursOf(reads(exe), shaper)
  if (behaviour === undefined) throw new Error(`no behaviour of ${exe}`)
  return behaviourId(behaviour.key)
}

function newDigest(): string {
  return `sha256:${randomBytes(32).toString('hex')}`
}
