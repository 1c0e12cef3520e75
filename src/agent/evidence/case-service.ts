import { LRUCache } from 'lru-cache'
import { severities, type Severity } from '../../core/event/alert-words.ts'
import type { Alert } from '../../core/event/alert.ts'
import { ResponseBudget } from '../../core/lifecycle/response-rule.ts'
import type { ActEvent } from '../../core/event/event.ts'
import { caseBounds, type CaseHead, type CaseLine } from '../records/cases/case-file.ts'
import { describeError, SnugError } from '../../errors.ts'
import { signedCase } from '../../supplychain/attest/case-statement.ts'
import type { Signer } from '../../supplychain/attest/keys.ts'
import type { ContainerIdentity } from '../pipeline/identity/identity.ts'
import { RecordIds } from '../pipeline/alerts/record-ids.ts'
import type { CaseFolder, SignCase, WrittenCase } from '../records/cases/case-folder.ts'
import type { Agent } from '../engine/agent.ts'
import type { CaseFileView, CaseSummary, CaseView } from '../../api/case-views.ts'
import type { Decider } from '../../api/engine.ts'
import { containersNamed } from '../decisions/named-containers.ts'
import type { EventHistory } from './event-history.ts'
import { changedFiles, hiddenPrograms } from './file-reader.ts'
import { processesOf } from './process-reader.ts'

/** Which alerts have evidence of their container captured. */
export interface CaptureRules {
  readonly from: Severity | 'none'
  /** The most cases of an hour. */
  readonly budget: number
  /** Absent: cases are not signed. */
  readonly signer?: Signer
}

export const noCaptures: CaptureRules = { from: 'none', budget: 1 }

interface CaseOptions {
  readonly rules: CaptureRules
  /** Milliseconds by a clock that nobody can set. */
  readonly steady: () => number
  /** How long events are followed; absent: {@link caseBounds}. */
  readonly afterMs?: number
}

export type CaptureOutcome = 'captured' | 'refused' | 'failed'

/** After a case of a container, or an attempt, further alerts are no reason for another one. */
const quietMs = 600_000
const remembered = 4_096

/** Evidence of containers, for people and for alerts. */
export class CaseService {
  readonly counts: Record<CaptureOutcome, number> = { captured: 0, refused: 0, failed: 0 }
  rules: CaptureRules
  readonly #agent: Agent
  readonly #history: EventHistory
  readonly #folder: CaseFolder | undefined
  readonly #ids = new RecordIds()
  readonly #steady: () => number
  readonly #afterMs: number
  /** Containers whose case is being written. */
  readonly #busy = new Set<string>()
  readonly #budget = new ResponseBudget()
  /** By container: until when (steady milliseconds) alerts have no case. */
  readonly #quiet = new LRUCache<string, number>({ max: remembered })

  constructor(
    agent: Agent,
    history: EventHistory,
    folder: CaseFolder | undefined,
    { rules, steady, afterMs = caseBounds.afterMs }: CaseOptions,
  ) {
    this.#agent = agent
    this.#history = history
    this.#folder = folder
    this.rules = rules
    this.#steady = steady
    this.#afterMs = afterMs
  }

  /** Alerts that are new, or have changed. */
  consider(alerts: readonly Alert[]): void {
    const { from, budget } = this.rules
    if (from === 'none' || this.#folder === undefined) return
    for (const alert of alerts) {
      const { severity, container } = alert
      if (container === undefined || severities.indexOf(severity) < severities.indexOf(from))
        continue
      const nowMs = this.#steady()
      if (nowMs < (this.#quiet.get(container.id) ?? -Infinity)) continue
      this.#quiet.set(container.id, nowMs + quietMs)
      if (this.#budget.spend(budget, nowMs)) void this.#captureFor(alert, container.id)
      else this.counts.refused += 1
    }
  }

  async #captureFor(alert: Alert, container: string): Promise<void> {
    const reason = `alert ${alert.id}: ${alert.reasons[0] ?? ''}`
    try {
      await this.capture(container, { who: 'agent', reason }, alert)
    } catch (error) {
      this.counts.failed += 1
      const { log } = this.#agent.parts
      log.error({ container, alert: alert.id, error: describeError(error) }, 'there is no case')
    }
  }

  /**
   * Resolves once what is there now is on disk. What happens within a minute follows.
   *
   * Errors: DECISION_INVALID, CONTAINER_UNKNOWN, CASE_UNAVAILABLE, CASE_FAILED
   */
  async capture(name: string, by: Decider, alert?: Alert): Promise<CaseSummary> {
    const { reason } = by
    if (reason === undefined) throw new SnugError('DECISION_INVALID', 'a reason is required')
    const folder = this.#mustHaveFolder()
    const identity = this.#named(name)
    const { id: container } = identity
    if (this.#busy.has(container))
      throw new SnugError('CASE_FAILED', `a case of \`${name}\` is being written already`)
    this.#busy.add(container)
    const after: ActEvent[] = []
    const unfollow = this.#history.follow(container, (event) => {
      if (after.length < caseBounds.eventsAfter) after.push(event)
    })
    const head = this.#headOf(identity, by.who, reason, alert)
    let written: WrittenCase
    try {
      const { type: _type, schema: _schema, profile: _profile, alert: of, ...about } = head
      const summary = { ...about, state: 'collecting' as const, ...(of && { alert: of.id }) }
      written = await folder.write(summary, this.#lines(head, identity), this.#signing())
    } catch (error) {
      unfollow()
      throw error
    } finally {
      this.#busy.delete(container)
    }
    this.counts.captured += 1
    this.#audit(by.who, written.summary)
    const timer = setTimeout(() => {
      unfollow()
      void this.#end(written, after)
    }, this.#afterMs)
    timer.unref()
    await this.#prune(folder)
    await this.#agent.journal.decided()
    return written.summary
  }

  async list(): Promise<readonly CaseSummary[]> {
    return (await this.#folder?.list()) ?? []
  }

  /** Without the contents of files. Errors: CASE_UNKNOWN, CASE_DAMAGED */
  async show(id: string): Promise<CaseView> {
    const folder = this.#mustHaveFolder()
    const summary = await folder.get(id)
    const view = {
      ...summary,
      processes: [],
      files: [],
      before: [],
      after: [],
      notes: [],
    } as Mutable<CaseView>
    for await (const line of folder.lines(id)) {
      switch (line.type) {
        case 'case':
          if (line.profile !== undefined) view.profile = line.profile
          break
        case 'process':
          view.processes.push(line.process)
          break
        case 'event':
          view[line.when].push(line.event)
          break
        case 'file':
          view.files.push(line.file)
          break
        case 'note':
          view.notes.push(line.text)
          break
        case 'content':
          break
      }
    }
    return view
  }

  /** Errors: CASE_UNKNOWN, CASE_DAMAGED */
  async file(id: string, by: Decider): Promise<CaseFileView> {
    const folder = this.#mustHaveFolder()
    const file = await folder.file(id)
    this.#agent.journal.audit('case-read', by.who, { case: id })
    await this.#agent.journal.decided()
    return file
  }

  async #end(written: WrittenCase, after: readonly ActEvent[]): Promise<void> {
    const { log } = this.#agent.parts
    try {
      const ended = await this.#mustHaveFolder().append(
        written,
        followed(after.map((event) => this.#history.current(event))),
        this.#signing(),
      )
      this.#audit('agent', ended)
      this.#agent.journal.changed()
    } catch (error) {
      log.error({ case: written.summary.id, error: describeError(error) }, 'a case was not ended')
    }
  }

  #signing(): SignCase | undefined {
    const { signer } = this.rules
    if (signer === undefined) return undefined
    return (summary) => signedCase(summary, signer, this.#agent.now())
  }

  async #prune(folder: CaseFolder): Promise<void> {
    const removed = await folder.prune(this.#agent.now())
    if (removed.length > 0) this.#agent.journal.audit('case-removed', 'agent', { cases: removed })
  }

  #audit(who: string, { id, container, reason, sha256, bytes, alert, state }: CaseSummary): void {
    this.#agent.journal.audit('case', who, {
      case: id,
      state,
      container: container.id,
      reason,
      sha256,
      bytes,
      ...(alert === undefined ? {} : { alert }),
    })
  }

  #headOf(
    { id, name, image, workload }: ContainerIdentity,
    by: string,
    reason: string,
    alert: Alert | undefined,
  ): CaseHead {
    const { parts, registry } = this.#agent
    const nowMs = this.#agent.now()
    const version = registry.versionOfContainer(id)
    return {
      type: 'case',
      schema: 'snug.case/v1',
      id: this.#ids.next(nowMs),
      time: new Date(nowMs).toISOString(),
      node: parts.node,
      by,
      reason,
      container: { id, name },
      image,
      ...(workload === undefined ? {} : { workload }),
      ...(version === undefined
        ? {}
        : {
            profile: {
              state: version.shownState,
              mode: version.life.mode,
              revision: version.revision,
            },
          }),
      ...(alert === undefined ? {} : { alert }),
    }
  }

  async *#lines(head: CaseHead, { id, rootfs }: ContainerIdentity): AsyncIterable<CaseLine> {
    yield head
    for (const event of this.#history.of(id)) yield { type: 'event', when: 'before', event }
    const cgroup = this.#agent.inflow.identifier.seenOf(id)?.cgroup ?? ''
    const { processes, cut } = await processesOf(cgroup)
    for (const process of processes) yield { type: 'process', process }
    if (cut) yield { type: 'note', text: `there are more processes than ${caseBounds.processes}` }
    if (processes.length === 0) yield { type: 'note', text: 'no process of it could be read' }
    const allowance = { bytes: caseBounds.filesBytes }
    yield* hiddenPrograms(processes, allowance)
    if (rootfs === undefined) yield { type: 'note', text: 'the layers of its root are not known' }
    else yield* changedFiles(rootfs.upper, allowance)
  }

  #mustHaveFolder(): CaseFolder {
    if (this.#folder !== undefined) return this.#folder
    throw new SnugError('CASE_UNAVAILABLE', 'this agent keeps nothing: it runs with `data: none`')
  }

  /** By its name or the beginning of its id. */
  #named(text: string): ContainerIdentity {
    const { kernel, holds } = this.#agent
    const present = [...kernel.present()].flatMap(({ id }) => holds.engineOf(id)?.known(id) ?? [])
    const [only, another] = containersNamed(text, present)
    if (only === undefined || another !== undefined) {
      const why = only === undefined ? 'no container here has' : 'several containers have'
      throw new SnugError('CONTAINER_UNKNOWN', `${why} the name or id \`${text}\``)
    }
    return only
  }
}

async function* followed(events: readonly ActEvent[]): AsyncIterable<CaseLine> {
  for (const event of events) yield { type: 'event', when: 'after', event }
  if (events.length === caseBounds.eventsAfter)
    yield { type: 'note', text: `there may be more events than these ${caseBounds.eventsAfter}` }
}

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K]
}
