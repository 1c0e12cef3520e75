import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Run } from '../records/versions/runs.ts'
import type { Agent } from './agent.ts'

/** A container of an unknown runtime has begun its program by then. It is shown as blind until it is proven. */
const provenWithinMs = 10_000

/** From the begin of a container with its own kernel, and after the last report of that kernel. An engine reports ends later. */
const reportsWithinMs = 5_000

/** Looks at running containers that are blind: reports each as a loss, and proves those that are not. */
export class BlindWatch {
  readonly #context: Agent
  /** Epoch milliseconds at which a running container was last found to be observed inside. */
  #inside: ReadonlyMap<string, number> = new Map()

  constructor(context: Agent) {
    this.#context = context
  }

  check(): void {
    const inside = new Map<string, number>()
    for (const version of this.#context.registry.index) {
      const { blind, sandboxed } = version.runs.counts
      if (blind === 0 && sandboxed === 0) continue
      for (const run of version.runs.values()) {
        if (run.blind !== undefined && run.to === undefined) this.#look(version, run, inside)
      }
    }
    this.#inside = inside
  }

  #look(version: DeployedVersion, run: Run, inside: Map<string, number>): void {
    const { inflow, live, parts } = this.#context
    const { container, blind, from } = run
    if (blind?.why === 'unproven') {
      const cgroup = inflow.identifier.seenOf(container)?.cgroup
      if (cgroup !== undefined && parts.runsOnHost?.(cgroup) === true) {
        version.prove(container)
        live.moved(version)
        return
      }
      if (this.#context.now() - Date.parse(from) < provenWithinMs) return
    }
    const last = blind?.why === 'own-kernel' ? this.#insideAt(run) : undefined
    if (last !== undefined) inside.set(container, last)
    const isInside = last !== undefined && this.#context.now() - last < reportsWithinMs
    if (run.inside === true && !isInside) {
      version.observedInside(container, false)
      live.moved(version)
    }
    if (!isInside) inflow.stage.blind(version, container)
  }

  /** Undefined where no source can have that. */
  #insideAt({ container, from }: Run): number | undefined {
    const sources = this.#context.parts.sources.flatMap((source) => source.inside ?? [])
    if (sources.length === 0) return undefined
    if (sources.some((each) => each.has(container))) return this.#context.now()
    return this.#inside.get(container) ?? Date.parse(from)
  }
}
