import type { Alert } from '../../core/event/alert.ts'
import {
  graverOf,
  incidentNews,
  type IncidentRecord,
  type IncidentSketch,
  updateMs,
} from '../../core/incident/incident-record.ts'
import type { Incident } from '../../core/incident/incidents.ts'
import { personNames } from '../../core/person/session-person.ts'
import { lookedAtOnce, type Steps } from '../../core/steps.ts'
import { describeError } from '../../errors.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { AlertIncidents } from '../records/persistence/journal.ts'
import type { RecordIds } from '../pipeline/alerts/record-ids.ts'
import { alertsOf, factsOf } from './incident-queries.ts'
import type { IncidentAlert, IncidentGroups, IncidentsNow } from './incident-groups.ts'

/** Alerts that a record lists. */
export const alertsListed = 200
/** The least time between two derivations. */
const leastPauseMs = 200
const longestPauseMs = 10_000
/** A derivation takes at most this part of the time. */
const share = 20
/** The longest that alerts wait for a derivation: a sink gets them without their incident then. */
const longestWaitMs = 250

/**
 * Sends incidents to the sinks as they begin, grow, become graver, close and join. What is due follows from the last
 * record of each incident, which is in the store, and from the alerts: a restart repeats nothing and forgets nothing.
 * It derives incidents beside judging, and only where a sink takes them.
 */
export class IncidentFeed implements AlertIncidents {
  readonly #agent: AgentState
  readonly #now: IncidentsNow
  readonly #ids: RecordIds
  #ofAlert: ReadonlyMap<string, string> = new Map()
  /** As the latest derivation had them. */
  #alerts: ReadonlyMap<string, IncidentAlert> = new Map()
  #running: Promise<void> | undefined
  /** Who waits for the derivation of the latest alerts. */
  #waiting: (() => void)[] = []
  #timer: NodeJS.Timeout | undefined
  /** By the clock of the process: when the timer ends, and the first moment of the next derivation. */
  #timerMs = Infinity
  #nextMs = -Infinity
  /** Epoch milliseconds: when an update of an incident is due, and when that was found. */
  #later: { readonly fromMs: number; readonly toMs: number } | undefined
  #again = false
  #closed = false

  constructor(agent: AgentState, now: IncidentsNow, ids: RecordIds) {
    this.#agent = agent
    this.#now = now
    this.#ids = ids
  }

  ofAlert(id: string): string | undefined {
    return this.#ofAlert.get(id)
  }

  get underway(): Promise<void> | undefined {
    const isSoon = this.#timerMs - performance.now() <= longestWaitMs
    if (this.#running === undefined && !isSoon) return undefined
    return new Promise((resolve) => {
      const late = setTimeout(resolve, longestWaitMs)
      this.#waiting.push(() => {
        clearTimeout(late)
        resolve()
      })
    })
  }

  /** Alerts that are new, or have changed. A repeat of an alert changes no incident. */
  alerts(changed: readonly Alert[]): void {
    if (changed.some((alert) => this.#isNews(alert))) this.consider()
  }

  /** Alerts may have changed, or the sinks. */
  consider(): void {
    if (this.#closed || !this.#agent.journal.wantsIncidents) return
    if (this.#running !== undefined) {
      this.#again = true
      return
    }
    const waitMs = this.#nextMs - performance.now()
    if (waitMs <= 0) this.#run()
    else this.#runIn(waitMs)
  }

  /** Sends the updates that are due. A clock that was set back delays nothing. */
  tick(): void {
    if (this.#later === undefined) return
    const nowMs = this.#agent.now()
    if (nowMs >= this.#later.toMs || nowMs < this.#later.fromMs) this.consider()
  }

  /** Resolves once the incidents of all alerts until now are derived. */
  async settled(): Promise<void> {
    while (this.#running !== undefined || this.#timerMs < Infinity) {
      if (this.#running === undefined) this.#run()
      await this.#running
    }
  }

  async close(): Promise<void> {
    await this.settled()
    this.#closed = true
  }

  #isNews({ id, severity, decision, sessions, attack }: Alert): boolean {
    const { kept, attack: known } = this.#alerts.get(id) ?? {}
    return (
      kept?.severity !== severity ||
      kept.decision !== decision ||
      kept.sessions !== sessions ||
      known?.length !== attack.length
    )
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #runIn(waitMs: number): void {
    const atMs = performance.now() + waitMs
    if (atMs >= this.#timerMs) return
    clearTimeout(this.#timer)
    this.#timerMs = atMs
    this.#timer = setTimeout(() => {
      this.#timerMs = Infinity
      this.consider()
    }, waitMs)
  }

  #run(): void {
    const { slices, parts } = this.#agent
    const began = performance.now()
    clearTimeout(this.#timer)
    this.#timerMs = Infinity
    this.#again = false
    this.#running = slices
      .run('incidents of sinks', this.#steps())
      .catch((error: unknown) => {
        parts.log.error({ error: describeError(error) }, 'incidents were not sent')
      })
      .then(() => {
        const tookMs = performance.now() - began
        const pauseMs = Math.min(longestPauseMs, Math.max(leastPauseMs, tookMs * share))
        this.#nextMs = performance.now() + pauseMs
        this.#running = undefined
        if (!this.#again || pauseMs > longestWaitMs) this.#release()
        if (this.#again) this.#runIn(pauseMs)
      })
  }

  *#steps(): Steps<void> {
    const { journal, faults } = this.#agent
    const groups = yield* this.#now.steps()
    this.#ofAlert = yield* incidentsByAlert(groups)
    this.#alerts = groups.alerts
    // Records that wait for a store that refuses them would pile up.
    if (faults.has('store')) {
      this.#lookIn(updateMs)
      return
    }
    this.#later = undefined
    for (const incident of groups.incidents) {
      const last = journal.incidents.get(incident.id)
      const news = incidentNews(last, yield* sketchOf(groups, incident))
      const waitMs = news === 'later' && last !== undefined ? this.#waitMs(last) : 0
      if (waitMs > 0) this.#lookIn(waitMs)
      else if (news !== undefined) {
        this.#record(yield* recordedOf(groups, incident, last), last)
      }
    }
    const current = new Set(groups.incidents.map(({ id }) => id))
    for (const last of journal.incidents.values()) {
      yield
      if (!current.has(last.incident)) this.#end(last)
    }
  }

  #lookIn(waitMs: number): void {
    const fromMs = this.#agent.now()
    this.#later = { fromMs, toMs: Math.min(this.#later?.toMs ?? Infinity, fromMs + waitMs) }
  }

  /** Until an update of the incident is due. */
  #waitMs({ time }: IncidentRecord): number {
    const agoMs = this.#agent.now() - Date.parse(time)
    return agoMs < 0 ? 0 : Math.max(0, updateMs - agoMs)
  }

  /** No alerts form the incident any more. */
  #end(last: IncidentRecord): void {
    const { alerts, journal } = this.#agent
    const { incident, state } = last
    const isKept = alerts.has(incident)
    const into = [incident, ...last.alertIds].flatMap((id) => this.#ofAlert.get(id) ?? [])[0]
    // The rest of a closed one whose first alert was evicted has another id, and is no news.
    if (into !== undefined && (isKept || state === 'open')) {
      const isRecorded = state === 'ended' && last.into === into
      if (!isRecorded) this.#record({ ...factsIn(last), state: 'ended', into }, last)
    } else if (state === 'open') {
      const closed = isKept ? alerts.get(incident).decision : undefined
      const ending: Pick<IncidentFacts, 'state' | 'closed'> =
        closed === undefined ? { state: 'ended' } : { state: 'closed', closed }
      this.#record({ ...factsIn(last), open: 0, ...ending }, last)
    }
    const final = journal.incidents.get(incident)
    if (isKept || final === undefined) return
    // A sink that has not got the record needs it after a restart.
    const isSent = this.#waitMs(final) === 0 && !journal.dispatcher.isWaiting(final.id)
    if (isSent) journal.forgetIncident(incident)
    else this.#lookIn(updateMs)
  }

  #record(facts: IncidentFacts, last: IncidentRecord | undefined): void {
    const nowMs = this.#agent.now()
    this.#agent.journal.recordIncident({
      schema: 'snug.incident/v1',
      id: this.#ids.next(nowMs),
      time: new Date(nowMs).toISOString(),
      node: this.#agent.parts.node,
      type: 'incident',
      revision: (last?.revision ?? 0) + 1,
      ...facts,
    })
  }
}

type IncidentFacts = Omit<IncidentRecord, 'schema' | 'id' | 'time' | 'node' | 'type' | 'revision'>

function* incidentsByAlert({ incidents }: IncidentGroups): Steps<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (const { id, members } of incidents) {
    for (const [at, { fact }] of members.entries()) {
      if (at % lookedAtOnce === 0) yield
      found.set(fact.id, id)
    }
  }
  return found
}

/** Without what only a whole alert has: most incidents are as they were. */
function* sketchOf(groups: IncidentGroups, incident: Incident): Steps<IncidentSketch> {
  const { severity, members } = incident
  const [persons, techniques] = [new Set<string>(), new Set<string>()]
  let open = 0
  for (const [at, { fact }] of members.entries()) {
    if (at % lookedAtOnce === 0) yield
    const alert = groups.alerts.get(fact.id)
    if (alert === undefined) continue
    if (alert.kept.decision === undefined) open += 1
    if (alert.kept.sessions !== undefined) {
      for (const name of personNames(alert.kept.sessions)) persons.add(name)
    }
    for (const technique of alert.attack) techniques.add(technique)
  }
  return {
    state: open > 0 ? 'open' : 'closed',
    severity,
    alerts: members.length,
    open,
    persons: persons.size,
    techniques: techniques.size,
  }
}

function* recordedOf(
  groups: IncidentGroups,
  incident: Incident,
  last: IncidentRecord | undefined,
): Steps<IncidentFacts> {
  const { id, severity, ...facts } = yield* factsOf(groups, incident)
  const [images, namespaces] = [new Set(last?.images), new Set(last?.namespaces)]
  for (const [at, { kept, namespace }] of alertsOf(groups, incident).entries()) {
    if (at % lookedAtOnce === 0) yield
    const { image } = kept
    if (image !== undefined) {
      images.add(image.tag === undefined ? image.repository : `${image.repository}:${image.tag}`)
    }
    if (namespace !== undefined) namespaces.add(namespace)
  }
  return {
    ...facts,
    incident: id,
    // A filter that let the incident through also lets through how it ends.
    severity: graverOf(severity, last?.severity ?? severity),
    images: [...images].sort(),
    namespaces: [...namespaces].sort(),
    alertIds: incident.members.slice(0, alertsListed).map(({ fact }) => fact.id),
  }
}

/** What the record states of the incident, without its state. */
function factsIn(record: IncidentRecord): Omit<IncidentFacts, 'state'> {
  const {
    schema: _,
    id: __,
    time: ___,
    node: ____,
    type: _____,
    revision: ______,
    state: _______,
    into: ________,
    closed: _________,
    ...facts
  } = record
  return facts
}
