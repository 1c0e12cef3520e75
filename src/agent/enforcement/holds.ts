import { type Hold, isByKernel, type KernelHold, kernelHold } from '../../core/lifecycle/hold.ts'
import type { HoldStanding } from '../../api/hold-views.ts'
import { describeError } from '../../errors.ts'
import type {
  EngineAct,
  EngineState,
  IdentityEngine,
  PendingContainer,
} from '../pipeline/identity/identity.ts'
import type { Log } from '../../support/telemetry/log.ts'
import type { AssignedReport } from './assignments.ts'

export interface HoldsOptions {
  readonly engines: readonly IdentityEngine[]
  /** Whether the container is of a version that IMAGE names. */
  readonly isOfImage: (ref: string, container: PendingContainer) => boolean
  readonly log: Log
}

const waiting: HoldStanding = { state: 'waiting' }
const held: HoldStanding = { state: 'held' }
/** An engine that may have containers that it has not reported. */
const awayStates: ReadonlySet<EngineState['kind']> = new Set(['starting', 'degraded'])

/** The holds of this node's containers, with what kernel and engines have confirmed of them. */
export class Holds {
  readonly #options: HoldsOptions
  readonly #holds = new Map<string, Hold>()
  /** By container: what the kernel has confirmed. */
  readonly #inKernel = new Map<string, AssignedReport>()
  /** By hold and container: what its engine has done. */
  readonly #byEngine = new Map<string, HoldStanding>()

  constructor(options: HoldsOptions) {
    this.#options = options
  }

  /** Those in effect. */
  get all(): readonly Hold[] {
    return this.stored.filter((hold) => hold.isReleased !== true && hold.isOver !== true)
  }

  /** Also those of the fleet that a person has released here, and those that are over. */
  get stored(): readonly Hold[] {
    return [...this.#holds.values()]
  }

  /** Those of the fleet. */
  get shared(): readonly Hold[] {
    return this.stored.filter(
      (hold) => hold.shared !== undefined && (hold.isReleased === true || hold.isOver !== true),
    )
  }

  load(holds: readonly Hold[]): void {
    for (const hold of holds) this.#holds.set(hold.id, hold)
  }

  add(hold: Hold): void {
    this.#holds.set(hold.id, hold)
  }

  /**
   * It holds nothing any more. A freeze stays on record until it is {@link lift}ed.
   *
   * @param isHere one of the fleet: it stays on record, so that it does not begin again
   */
  end(hold: Hold, isHere: boolean): Hold {
    const ended: Hold = {
      ...hold,
      ...(isHere ? { isReleased: true } : {}),
      ...(hold.level === 'freeze' ? { isOver: true } : {}),
    }
    this.#keep(ended)
    for (const key of this.#byEngine.keys())
      if (key.startsWith(`${hold.id} `)) this.#byEngine.delete(key)
    return ended
  }

  #keep(ended: Hold): void {
    if (ended.isReleased === true || ended.isOver === true) this.#holds.set(ended.id, ended)
    else this.#holds.delete(ended.id)
  }

  remove(hold: Hold): void {
    this.#holds.delete(hold.id)
  }

  of(container: PendingContainer): readonly Hold[] {
    return this.all.filter((hold) => this.isFor(hold, container))
  }

  isFor({ target }: Pick<Hold, 'target'>, container: PendingContainer): boolean {
    switch (target.kind) {
      case 'container':
        return container.id === target.id
      case 'pod': {
        const { workload } = container
        return workload?.pod === target.pod && workload.namespace === target.namespace
      }
      case 'image':
        return this.#options.isOfImage(target.ref, container)
    }
  }

  kernelHoldOf(container: PendingContainer): KernelHold | undefined {
    return this.#holds.size === 0 ? undefined : kernelHold(this.of(container))
  }

  /** A source confirms an assignment, and with it what it holds. */
  confirmed(report: AssignedReport): void {
    const { container, hold } = report
    if (hold === undefined) {
      this.#inKernel.delete(container)
      return
    }
    const ended = hold.ended ?? this.#inKernel.get(container)?.hold?.ended
    this.#inKernel.set(container, {
      ...report,
      hold: { ...hold, ...(ended === undefined ? {} : { ended }) },
    })
  }

  standing({ id, level }: Hold, container: string): HoldStanding {
    if (!isByKernel(level)) return this.#byEngine.get(`${id} ${container}`) ?? waiting
    const hold = this.#inKernel.get(container)?.hold
    if (hold === undefined || !(level === 'network' ? hold.network : hold.changes)) return waiting
    return level === 'network' && hold.ended !== undefined ? { ...held, ended: hold.ended } : held
  }

  /** Has the engine do what the hold asks of it. Not an error where it cannot: see {@link standing}. */
  async apply(hold: Hold, container: string): Promise<void> {
    if (hold.level !== 'freeze' && hold.level !== 'stop') return
    const key = `${hold.id} ${container}`
    try {
      const act = this.actorFor(container)
      if (act === undefined) throw new Error('its engine can neither freeze nor stop it')
      this.#byEngine.set(key, (await act(hold.level)) ? held : waiting)
    } catch (error) {
      const because = describeError(error)
      this.#byEngine.set(key, { state: 'failed', because })
      this.#options.log.error({ container, level: hold.level, because }, 'a container is not held')
    }
  }

  /**
   * Thaws the containers of one that is over. A stopped container stays so until somebody starts it.
   *
   * Errors: those of an engine. One where an engine is away that may have a container of it
   */
  async lift(hold: Hold, containers: readonly PendingContainer[]): Promise<void> {
    const { isOver: _, ...ended } = hold
    const isKnown = hold.target.kind === 'container' && this.engineOf(hold.target.id) !== undefined
    const away = this.#options.engines.find(
      (engine) => engine.act !== undefined && awayStates.has(engine.state.kind),
    )
    if (containers.length === 0 && !isKnown && away !== undefined)
      throw new Error(`the engine \`${away.name}\` does not answer`)
    const thawed = containers.filter((container) =>
      this.of(container).every(({ level }) => level !== 'freeze'),
    )
    await Promise.all(thawed.map(async ({ id }) => this.actorFor(id)?.('thaw')))
    if (this.#holds.get(hold.id)?.isOver === true) this.#keep(ended)
  }

  /** Undefined where its engine cannot act on it. Of a pod, the kubelet would start another container. */
  actorFor(container: string): ((act: EngineAct) => Promise<boolean>) | undefined {
    const engine = this.engineOf(container)
    if (engine?.known(container)?.workload?.kind === 'Pod') return undefined
    return engine?.act?.bind(engine, container)
  }

  engineOf(container: string): IdentityEngine | undefined {
    return this.#options.engines.find((engine) => engine.known(container) !== undefined)
  }

  gone(container: string): void {
    this.#inKernel.delete(container)
  }

  /** The clock was set: holds last as long as they would have. */
  clockStepped(stepMs: number): void {
    for (const hold of this.stored)
      this.#holds.set(hold.id, { ...hold, until: hold.until + stepMs, since: hold.since + stepMs })
  }
}
