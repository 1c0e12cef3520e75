import { randomUUID } from 'node:crypto'
import {
  checkHoldLength,
  type Hold,
  type HoldTarget,
  isByKernel,
  podText,
  targetText,
} from '../../core/lifecycle/hold.ts'
import { describeError, SnugError } from '../../errors.ts'
import type { PendingContainer } from '../pipeline/identity/identity.ts'
import { holdsKey } from '../records/persistence/hold-record.ts'
import type { Agent } from '../engine/agent.ts'
import { containersNamed } from './named-containers.ts'
import type { Decider, HoldOrder } from '../../api/engine.ts'
import type { HoldStanding, HoldView } from '../../api/hold-views.ts'

export interface HeldContainer {
  readonly container: PendingContainer
  readonly standing: HoldStanding
}

/** Between two attempts at what an engine did not do. */
const againMs = 10_000

/** A person's orders that keep containers from acting. */
export class HoldService {
  readonly #agent: Agent
  /** Ids of holds whose containers are being thawed. */
  readonly #lifting = new Set<string>()
  #lastTriedMs = 0

  constructor(agent: Agent) {
    this.#agent = agent
  }

  /**
   * Resolves once kernel or engine have confirmed it, or had the time to.
   *
   * Errors: DECISION_INVALID, HOLD_UNKNOWN, HOLD_AMBIGUOUS, HOLD_UNAVAILABLE
   */
  async hold({ target: text, level, forMs, dryRun }: HoldOrder, by: Decider): Promise<HoldView> {
    const { reason } = by
    if (reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
    checkHoldLength(forMs)
    const target = this.#target(text)
    const since = this.#agent.now()
    const id = randomUUID().slice(0, 8)
    const hold: Hold = { id, level, target, by: by.who, reason, since, until: since + forMs }
    if (dryRun === true) this.#check(hold)
    else await this.begin(hold)
    return this.#view(hold)
  }

  /**
   * Orders it at once. Errors: HOLD_UNAVAILABLE
   *
   * @returns resolves once kernel or engine have confirmed it, or had the time to
   */
  begin(hold: Hold): Promise<void> {
    const { holds, kernel, journal } = this.#agent
    const concerned = this.#check(hold)
    holds.add(hold)
    kernel.holdsChanged(concerned)
    journal.audit('hold', hold.by, { ...auditFields(hold), ...concernedFields(concerned) })
    this.#note()
    return this.#confirmed(hold, concerned)
  }

  async #confirmed(hold: Hold, concerned: readonly PendingContainer[]): Promise<void> {
    const { holds, journal } = this.#agent
    await Promise.all(concerned.map((container) => holds.apply(hold, container)))
    if (isByKernel(hold.level)) await this.#agent.caughtUp()
    await journal.decided()
  }

  /** Gives the containers that it is for. Errors: HOLD_UNAVAILABLE */
  #check(hold: Hold): readonly PendingContainer[] {
    const concerned = this.#concerned(hold)
    const why = this.#unavailable(hold, concerned)
    if (why !== undefined)
      throw new SnugError(
        'HOLD_UNAVAILABLE',
        `the level \`${hold.level}\` cannot be had here: ${why}`,
      )
    this.#checkVital(hold.target, concerned)
    return concerned
  }

  /** `text`: the id of a hold, or CONTAINER, POD or IMAGE. Errors: HOLD_UNKNOWN */
  async release(text: string, by: Decider): Promise<readonly HoldView[]> {
    const { holds, journal } = this.#agent
    const found = holds.all.filter((hold) => hold.id === text || this.#names(text, hold))
    if (found.length === 0) throw new SnugError('HOLD_UNKNOWN', `nothing named \`${text}\` is held`)
    const views = found.map((hold) => this.#view(hold))
    for (const hold of found) await this.end(hold, by.who, by.reason, hold.shared !== undefined)
    await this.#agent.caughtUp()
    await journal.decided()
    return views
  }

  list(): readonly HoldView[] {
    return this.#agent.holds.all.map((hold) => this.#view(hold))
  }

  /** Ends those whose time is over, and has engines try again. */
  tick(): void {
    const nowMs = this.#agent.now()
    for (const hold of this.#agent.holds.stored) {
      if (hold.isOver === true) void this.#lift(hold)
      else if (hold.until <= nowMs) void this.end(hold, 'agent', 'its time is over')
    }
    if (Math.abs(nowMs - this.#lastTriedMs) < againMs) return
    this.#lastTriedMs = nowMs
    for (const hold of this.#agent.holds.all) this.#tryAgain(hold)
  }

  #tryAgain(hold: Hold): void {
    if (isByKernel(hold.level)) return
    const { holds, registry } = this.#agent
    for (const { container, standing } of this.containersOf(hold)) {
      const { id } = container
      const run = registry.versionOfContainer(id)?.runs.get(id)
      if (standing.state !== 'held' && run !== undefined && run.to === undefined)
        void holds.apply(hold, container)
    }
  }

  /** The clock was set: holds last as long as they would have. */
  clockStepped(stepMs: number): void {
    const { holds } = this.#agent
    if (holds.stored.length === 0) return
    holds.clockStepped(stepMs)
    this.#note()
  }

  /** A container that started is held as those that run. */
  started(id: string): void {
    const { holds, kernel } = this.#agent
    if (holds.all.length === 0) return
    const container = kernel.reported(id)
    if (container === undefined) return
    for (const hold of holds.of(container)) void holds.apply(hold, container)
  }

  /** `isHere`: one of the fleet, which ends on this node alone. */
  async end(hold: Hold, who: string, reason?: string, isHere = false): Promise<void> {
    const { holds, kernel, journal } = this.#agent
    if (hold.isOver === true) return this.#lift(hold)
    if (hold.isReleased === true) {
      holds.remove(hold)
      this.#note()
      return
    }
    const concerned = this.#concerned(hold)
    const ended = holds.end(hold, isHere)
    kernel.holdsChanged(concerned)
    const because = reason === undefined ? {} : { reason }
    journal.audit('release', who, {
      ...auditFields(hold),
      ...because,
      ...concernedFields(concerned),
    })
    this.#note()
    await this.#lift(ended)
  }

  /** Once more with each tick until the engine has done it: it may be away. */
  async #lift(hold: Hold): Promise<void> {
    if (hold.isOver !== true || this.#lifting.has(hold.id)) return
    const { holds, faults, parts } = this.#agent
    const fault = `hold ${hold.id}`
    this.#lifting.add(hold.id)
    try {
      await holds.lift(hold, this.#concerned(hold))
      faults.delete(fault)
      this.#note()
    } catch (error) {
      const fields = { hold: hold.id, target: targetText(hold.target), error: describeError(error) }
      if (!faults.has(fault)) parts.log.error(fields, 'a container may stay frozen')
      faults.set(fault, `${fields.target} may stay frozen: ${fields.error}`)
    } finally {
      this.#lifting.delete(hold.id)
    }
  }

  #note(): void {
    this.#agent.journal.note(holdsKey, this.#agent.holds.stored)
    this.#agent.journal.changed()
  }

  #concerned(hold: Pick<Hold, 'target'>): readonly PendingContainer[] {
    const { holds, kernel } = this.#agent
    return [...kernel.present()].filter((container) => holds.isFor(hold, container))
  }

  /** A container by its name or the beginning of its id, then a pod, then an image. */
  #target(text: string): HoldTarget {
    const present = [...this.#agent.kernel.present()]
    const named = containersNamed(
      text,
      present.map(({ id }) => ({ id, name: this.#nameOf(id) })),
    )
    const [only, another] = named
    if (another !== undefined) {
      const ids = idsOf(named).map((id) => `\`${id.slice(0, 12)}\``)
      throw new SnugError('HOLD_AMBIGUOUS', `\`${text}\` names the containers ${ids.join(', ')}`)
    }
    if (only !== undefined) return { kind: 'container', id: only.id }
    const pods = new Map<string, HoldTarget>()
    for (const { workload } of present) {
      if (workload?.pod === undefined) continue
      const { namespace, pod } = workload
      const whole = podText({ namespace, pod })
      if (text !== pod && text !== whole) continue
      pods.set(whole, { kind: 'pod', pod, ...(namespace === undefined ? {} : { namespace }) })
    }
    const [pod, otherPod] = pods.values()
    if (otherPod !== undefined) {
      const names = [...pods.keys()].map((name) => `\`${name}\``).join(', ')
      throw new SnugError('HOLD_AMBIGUOUS', `\`${text}\` names the pods ${names}`)
    }
    if (pod !== undefined) return pod
    if (this.#isImage(text)) return { kind: 'image', ref: text }
    throw new SnugError('HOLD_UNKNOWN', `no container, pod or image here is named \`${text}\``)
  }

  #isImage(ref: string): boolean {
    try {
      return this.#agent.registry.index.find(ref).length > 0
    } catch {
      return false
    }
  }

  #names(text: string, { target }: Hold): boolean {
    switch (target.kind) {
      case 'container':
        return containersNamed(text, [{ id: target.id, name: this.#nameOf(target.id) }]).length > 0
      case 'pod':
        return text === target.pod || text === podText(target)
      case 'image':
        return text === target.ref
    }
  }

  #nameOf(id: string): string | undefined {
    return this.#agent.holds.engineOf(id)?.known(id)?.name
  }

  /** Also for the container that the image does not have yet. Errors: HOLD_UNAVAILABLE */
  #checkVital(target: HoldTarget, containers: readonly PendingContainer[]): void {
    const { index, lifecycle } = this.#agent.registry
    const versions = target.kind === 'image' ? index.find(target.ref) : []
    for (const { image } of [...containers, ...versions]) {
      const why = lifecycle.rules.unblockable?.(image)
      if (why !== undefined) throw new SnugError('HOLD_UNAVAILABLE', why)
    }
  }

  #unavailable(hold: Hold, containers: readonly PendingContainer[]): string | undefined {
    const { holds, parts } = this.#agent
    const { level } = hold
    for (const container of containers) {
      const refusal = holds.refusal(hold, container)
      if (refusal !== undefined) return `container ${container.id.slice(0, 12)}: ${refusal}`
    }
    if (!isByKernel(level)) return undefined
    const facts = parts.sources
      .filter(({ supports }) => supports.confirms)
      .map(({ stats }) => stats.facts)
    if (facts.length === 0) return 'no source of this agent can hold a container: only `ebpf` does'
    const lacking = neededFacts[level].filter(
      ([fact, value]) => !facts.some((each) => each[fact]?.startsWith(value)),
    )
    return lacking.length === 0
      ? undefined
      : `the sensor reports ${lacking.map(([fact]) => `\`${fact}\``).join(', ')} as missing, see \`snug doctor\``
  }

  /** With how far it has come in each. One that has ended without it is not among them. */
  containersOf(hold: Hold): readonly HeldContainer[] {
    const { holds, registry } = this.#agent
    const concerned = new Map(
      [...holds.stoppedBy(hold), ...this.#concerned(hold)].map((each) => [each.id, each]),
    )
    return [...concerned.values()]
      .map((container) => ({ container, standing: holds.standing(hold, container) }))
      .filter(({ container: { id }, standing }) => {
        const run = registry.versionOfContainer(id)?.runs.get(id)
        return standing.state !== 'waiting' || run?.to === undefined
      })
  }

  #view(hold: Hold): HoldView {
    const { id, level, target, by, reason, since, until } = hold
    return {
      id,
      level,
      target: targetText(target),
      by,
      reason,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
      containers: this.containersOf(hold).map(({ container, standing }) => {
        const name = this.#nameOf(container.id)
        const { repository, tag } = container.image
        return {
          id: container.id,
          ...(name === undefined ? {} : { name }),
          image: tag === undefined ? repository : `${repository}:${tag}`,
          ...standing,
        }
      }),
    }
  }
}

/** What the sensor has to report for a level. A kill would not keep a service alive as `changes` promises. */
const neededFacts = {
  network: [
    ['hook.egress', 'yes'],
    ['hook.ingress', 'yes'],
  ],
  changes: [
    ['stop.open', 'blocked'],
    ['stop.exec', 'blocked'],
    ['stop.connect', 'blocked'],
  ],
} as const

const idsOf = (containers: readonly { readonly id: string }[]): readonly string[] =>
  containers.map(({ id }) => id)

function concernedFields(containers: readonly PendingContainer[]): Record<string, unknown> {
  const pods = new Set<string>()
  for (const { workload: { namespace, pod } = {} } of containers)
    if (pod !== undefined) pods.add(podText({ namespace, pod }))
  return { containers: idsOf(containers), ...(pods.size === 0 ? {} : { pods: [...pods] }) }
}

function auditFields({ id, level, target, reason, until }: Hold): Record<string, unknown> {
  const end = new Date(until).toISOString()
  return { hold: id, level, target: targetText(target), reason, until: end }
}
