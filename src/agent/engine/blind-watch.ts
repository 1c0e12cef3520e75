import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Run } from '../records/versions/runs.ts'
import type { Agent } from './agent.ts'

/** A container of an unknown runtime has begun its program by then. It is shown as blind until it is proven. */
const provenWithinMs = 10_000

/** Looks at running containers that are blind: reports each as a loss, and proves those that are not. */
export class BlindWatch {
  readonly #context: Agent

  constructor(context: Agent) {
    this.#context = context
  }

  check(): void {
    for (const version of this.#context.registry.index) {
      if (version.runs.counts.blind === 0) continue
      for (const run of version.runs.values()) {
        if (run.blind !== undefined && run.to === undefined) this.#look(version, run)
      }
    }
  }

  #look(version: DeployedVersion, run: Run): void {
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
    inflow.stage.blind(version, container)
  }
}
