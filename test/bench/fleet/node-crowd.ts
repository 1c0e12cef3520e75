import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { usage } from '../process-usage.ts'
import type { Answer, Applied, Order } from './fleet-orders.ts'

const program = fileURLToPath(new URL('./fleet-nodes.ts', import.meta.url))
const heapMiB = 6_144
const appliedWithinMs = 120_000

type Done = Extract<Answer, { readonly kind: 'done' }>

/** Simulated nodes, in a few processes. */
export class NodeCrowd implements AsyncDisposable {
  readonly #children: readonly ChildProcess[]
  /** Time of a decision → the nodes that have it. */
  readonly #applied = new Map<string, Applied[]>()
  /** Answers that are awaited, by the number of the process. */
  readonly #awaited = new Map<number, (answer: Answer) => void>()
  #onApplied: () => void = () => undefined

  private constructor(children: readonly ChildProcess[]) {
    this.#children = children
    for (const [number, { stdout }] of children.entries()) {
      if (stdout === null) throw new Error('a process of nodes has no output')
      createInterface({ input: stdout }).on('line', (line) => this.#take(number, line))
    }
  }

  /**
   * Resolves once every node has listed what the fleet has.
   *
   * @param whole of the nodes, so many with a daemon: in a process apart
   */
  static async start(
    kubeconfig: string,
    { nodes, whole, shareWithinMs }: Readonly<Record<'nodes' | 'whole' | 'shareWithinMs', number>>,
  ): Promise<NodeCrowd> {
    const make = (from: number, count: number, kind: string): ChildProcess => {
      const args = [kubeconfig, from, count, shareWithinMs, kind].map(String)
      const node = [`--max-old-space-size=${heapMiB}`, '--import', 'tsx', program, ...args]
      return spawn(process.execPath, node, { stdio: ['pipe', 'pipe', 'inherit'] })
    }
    const children = [make(0, whole, 'whole')]
    if (nodes > whole) children.push(make(whole, nodes - whole, 'readers'))
    const crowd = new NodeCrowd(children)
    await crowd.#answers(children.length)
    return crowd
  }

  /** Resolves once every whole node has judged what happened. */
  async order(order: Order): Promise<readonly Done[]> {
    const answers = this.#answers(1)
    this.#children[0]?.stdin?.write(`${JSON.stringify(order)}\n`)
    return (await answers).filter((answer) => answer.kind === 'done')
  }

  /** Resolves once so many nodes have the decision of that time. */
  async appliedBy(nodes: number, at: string): Promise<readonly Applied[]> {
    const signal = AbortSignal.timeout(appliedWithinMs)
    for (;;) {
      const found = this.#applied.get(at) ?? []
      if (found.length >= nodes) return found
      await new Promise<void>((resolve, reject) => {
        this.#onApplied = resolve
        const late = `${found.length} of ${nodes} nodes have a decision`
        signal.addEventListener('abort', () => reject(new Error(late)), { once: true })
      })
    }
  }

  /** Of the whole nodes. */
  get cpuSeconds(): number {
    return usage(this.#children[0]?.pid ?? 0).daemon.cpuSeconds
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null) continue
      const gone = once(child, 'exit')
      child.kill('SIGKILL')
      await gone
    }
  }

  /** The next answer of each of the first processes. */
  #answers(processes: number): Promise<readonly Answer[]> {
    const each = this.#children.slice(0, processes).map(
      (child, number) =>
        new Promise<Answer>((resolve, reject) => {
          this.#awaited.set(number, resolve)
          child.once('exit', () => reject(new Error('a process of nodes ended')))
        }),
    )
    return Promise.all(each)
  }

  #take(number: number, line: string): void {
    const answer = JSON.parse(line) as Answer
    if (answer.kind !== 'applied') {
      this.#awaited.get(number)?.(answer)
      return
    }
    for (const each of answer.applied) {
      const known = this.#applied.get(each.at)
      if (known === undefined) this.#applied.set(each.at, [each])
      else known.push(each)
    }
    this.#onApplied()
  }
}
