import { type Hold, isByKernel, type KernelHold, kernelHold } from '../../core/lifecycle/hold.ts'
import { type Blindness, blindnessText } from '../../core/sight/blindness.ts'
import type { HoldStanding } from '../../api/hold-views.ts'
import { describeError } from '../../errors.ts'
import type {
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
  /** Why this kernel does not see the container, and so cannot keep it from acting; undefined where it does. */
  readonly blindnessOf: (container: PendingContainer) => Blindness | undefined
  readonly log: Log
}

const waiting: HoldStanding = { state: 'waiting' }
const held: HoldStanding = { state: 'held' }
/** Of one hold: a pod of a fixed name may be stopped again and again. */
const stoppedKept = 64
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
  /** By hold: containers that an engine has stopped, the latest last. That of a pod is gone then. */
  readonly #stopped = new Map<string, readonly PendingContainer[]>()
  /** By hold and container: what an engine is doing. */
  readonly #acting = new Set<string>()

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
    this.#stopped.delete(hold.id)
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

  standing(ordered: Hold, container: PendingContainer): HoldStanding {
    const { id, level } = ordered
    if (!isByKernel(level)) return this.#byEngine.get(`${id} ${container.id}`) ?? waiting
    const because = this.refusal(ordered, container)
    if (because !== undefined) return { state: 'failed', because }
    const hold = this.#inKernel.get(container.id)?.hold
    if (hold === undefined || !(level === 'network' ? hold.network : hold.changes)) return waiting
    return level === 'network' && hold.ended !== undefined ? { ...held, ended: hold.ended } : held
  }

  /** Why the level cannot be had in the container, by its runtime or its engine; undefined: it can. */
  refusal({ level, target }: Hold, container: PendingContainer): string | undefined {
    const { id, workload } = container
    if (isByKernel(level)) {
      const blindness = this.#options.blindnessOf(container)
      return blindness === undefined ? undefined : blindnessText(blindness)
    }
    if (level === 'stop' && target.kind === 'image' && workload?.pod !== undefined)
      return 'its workload would start others of that image: stop a pod, or scale the workload down'
    const engine = this.engineOf(id)
    if (engine?.act === undefined) return 'its engine can neither freeze nor stop it'
    return engine.refusal?.(id, level)
  }

  /** Has the engine do what the hold asks of it. Not an error where it cannot: see {@link standing}. */
  async apply(hold: Hold, container: PendingContainer): Promise<void> {
    const { level } = hold
    if (isByKernel(level)) return
    const { id } = container
    const key = `${hold.id} ${id}`
    if (this.#acting.has(key)) return
    this.#acting.add(key)
    const before = this.#byEngine.get(key)?.because
    try {
      const refusal = this.refusal(hold, container)
      if (refusal !== undefined) throw new Error(refusal)
      const isDone = (await this.engineOf(id)?.act?.(id, level)) ?? false
      if (!this.all.some((each) => each.id === hold.id)) return await this.#released(container)
      this.#byEngine.set(key, isDone ? held : waiting)
      if (isDone && level === 'stop') this.#noteStopped(hold, container)
    } catch (error) {
      const because = describeError(error)
      this.#byEngine.set(key, { state: 'failed', because })
      if (because !== before)
        this.#options.log.error({ container: id, level, because }, 'a container is not held')
    } finally {
      this.#acting.delete(key)
    }
  }

  #noteStopped({ id }: Hold, container: PendingContainer): void {
    const others = this.stoppedBy({ id }).filter((each) => each.id !== container.id)
    const all = [...others, container]
    for (const old of all.slice(0, -stoppedKept)) this.#byEngine.delete(`${id} ${old.id}`)
    this.#stopped.set(id, all.slice(-stoppedKept))
  }

  /** The latest {@link stoppedKept}, also those that are gone since. */
  stoppedBy({ id }: Pick<Hold, 'id'>): readonly PendingContainer[] {
    return this.#stopped.get(id) ?? []
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
    await Promise.all(containers.map((container) => this.#released(container)))
    if (this.#holds.get(hold.id)?.isOver === true) this.#keep(ended)
  }

  /** Thaws it where no hold freezes it any more. */
  async #released(container: PendingContainer): Promise<void> {
    if (this.of(container).some(({ level }) => level === 'freeze')) return
    const { id } = container
    const engine = this.engineOf(id)
    if (engine?.refusal?.(id, 'thaw') === undefined) await engine?.act?.(id, 'thaw')
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
