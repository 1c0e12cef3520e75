import { setTimeout as delay } from 'node:timers/promises'
import { SnugError } from '../../../../errors.ts'
import { Backoff } from '../../../../support/backoff.ts'
import type { KernelCost } from '../../../../api/status-views.ts'
import { eventKinds } from '../../../../core/event/event-words.ts'
import { SensorSilence } from './sensor-silence.ts'
import { UnmarkedMessages } from './unmarked-messages.ts'
import type {
  BehaviourKey,
  EventSource,
  FilterMode,
  Run,
  SourceBatch,
  SourceControl,
  SourceMark,
  SourceMessage,
  SourceState,
  SourceStats,
  SourceSupport,
} from '../source.ts'
import {
  encodeFilter,
  encodeFlush,
  encodeKnown,
  encodePing,
  encodeAck,
  encodeRunsStill,
} from './command-encoder.ts'
import { KernelState } from './kernel-state.ts'
import { FrameReader } from './frame-reader.ts'
import {
  type Decoded,
  type ProfileAnswer,
  RecordDecoder,
  type SensorHello,
  type SensorStats,
} from './record-decoder.ts'
import { MeasuredPrograms, sensorCost } from './sensor-cost.ts'
import { builtSensor, type SensorExit, SensorProcess } from './sensor-process.ts'

export interface EbpfSourceOptions {
  readonly node: string
  /** Size of one ring buffer in bytes, a power of two; absent: the default of the sensor. */
  readonly ringBytes?: number
  /** Number of ring buffers; absent: one for every two processors. */
  readonly rings?: number
  /** Path of the sensor's executable; absent: the one built with this package. */
  readonly sensorPath?: string
  /**
   * Folder on a bpffs, for one source at a time, in which programs, maps and rings outlive sensor
   * and daemon. Absent: they end with the sensor.
   */
  readonly kernelState?: string
  /**
   * When records are acknowledged. `read`: once the next batch is requested. `stored`: once the reader
   * calls `control.acknowledge` for a `mark`. The next sensor, of this daemon or another, reports the
   * other records again.
   */
  readonly acknowledgeWhen?: 'read' | 'stored'
  /** Retries a failed first start with increasing delays. Otherwise that failure is an error. */
  readonly startAgain?: boolean
  /**
   * Interval of the sensor's self-test of blocking; 0: never; absent: the default of the sensor.
   */
  readonly probeSeconds?: number
  /** Programs whose arguments define their behaviour, by name without a version; absent: none. */
  readonly programs?: readonly string[]
  /** Patterns of systemd units, whose runs are containers too: `*` and `?` only. Absent: none. */
  readonly units?: readonly string[]
  /** After so long without a byte the sensor counts as hung; absent: 5 s. For machines slower than any real one. */
  readonly silentSeconds?: number
  /** Further arguments of the sensor, for tests. */
  readonly sensorArguments?: readonly string[]
  /** Receives each line that the sensor logs and, as a warning, the reason of its exit. */
  readonly log?: (line: string, level: 'info' | 'warn') => void
}

/** The longest delay before a restart of the sensor. A sensor that ran that long starts with the first delay. */
const longestRestartMs = 5_000
/** Delays before a restart of a sensor that never ran. */
const backoffRules = { firstMs: 100, longestMs: 60_000 } as const
/**
 * The events of this host's containers, from the kernel. The sensor is a child process. If it
 * exits, the source restarts it and sends the pipeline's commands again. With a `kernelState` the
 * kernel continues meanwhile, and the sensor reports the events later. Without one, the gap is a
 * `loss` of reason `sensor-gap`, and keys end with the sensor.
 *
 * Errors: `SENSOR_UNAVAILABLE` if the first start fails, `SENSOR_PROTOCOL` if the sensor is of
 * another build.
 */
export class EbpfSource implements EventSource {
  readonly name = 'ebpf'
  #supports: SourceSupport
  readonly control: SourceControl
  readonly #options: EbpfSourceOptions
  readonly #lost: Record<string, number> = {}
  readonly #kernel = new KernelState()
  /** Containers reported as started and not as ended; true if they ran before the agent. */
  readonly #live = new Map<string, boolean>()
  readonly #unconfirmed = new Set<string>()
  #state: SourceState = { kind: 'starting' }
  #process: SensorProcess | undefined
  #filter: FilterMode = 'novelty'
  #facts: Readonly<Record<string, string>> = {}
  #counters: SensorStats | undefined
  readonly #measured = new MeasuredPrograms()
  #lastReceived: string | undefined
  #delivered = 0
  #restarts = 0
  #used = false
  /** All records up to this mark are stored. */
  #acknowledged: SourceMark | undefined
  /** All records up to this mark were judged. The next sensor of this daemon begins there. */
  #judged: SourceMark | undefined
  /** The source resends the pipeline's commands once the sensor has reported what it took over. */
  #catchingUp = false
  /**
   * The running sensor has all of the kernel's state. Until then commands are only kept: an assignment that went
   * ahead of its profile would take a container away from the profile of an earlier daemon, and leave it without one.
   */
  #isUpToDate = false
  #hasRun = false
  #lastPing = 0n
  /** Those that no sensor has answered yet; the next one is asked again. */
  readonly #pings = new Map<bigint, () => void>()
  #owed: Promise<void> | undefined
  #lastAsked = 0n
  /** Questions about executions that this sensor has not answered yet. */
  readonly #asked = new Map<bigint, (runs: boolean) => void>()
  /** Pings that the sensor answered. The records before an answer must be read first. */
  readonly #answered: bigint[] = []

  constructor(options: EbpfSourceOptions) {
    this.#options = options
    this.#supports = {
      kinds: eventKinds,
      filter: true,
      containers: true,
      confirms: true,
      overflows: true,
      ...(options.kernelState !== undefined && { keeps: true }),
    }
    this.control = {
      assign: (id, scope, traits) => this.#send(this.#kernel.assign(id, scope, traits)),
      release: (id) => this.#kernel.release(id),
      known: (scope, keys) => this.#known(scope, keys),
      filter: (mode) => {
        this.#filter = mode
        this.#process?.send(encodeFilter(mode))
      },
      flush: () => this.#process?.send(encodeFlush()),
      profile: (scope, profile) => this.#send(this.#kernel.profile(scope, profile)),
      enforce: (scope, enforcement) => this.#send(this.#kernel.enforce(scope, enforcement)),
      peers: (changes) => this.#send(this.#kernel.peers(changes)),
      resolvers: (id, addresses, found) => this.#send(this.#kernel.resolvers(id, addresses, found)),
      acknowledge: (mark) => this.#acknowledge(mark),
      resume: (mark) => {
        this.#acknowledged = mark
      },
      failClosed: (on) => this.#send(this.#kernel.failClosed(on)),
      obeyed: () => this.obeyed(),
      runsStill: (run) => this.#runsStill(run),
    }
  }

  get state(): SourceState {
    return this.#state
  }

  /** Which hooks there are is known once the sensor runs. */
  get supports(): SourceSupport {
    return this.#supports
  }

  /** Resolves once the sensor has run all commands so far and reported all events up to then. */
  obeyed(): Promise<void> {
    // Until a sensor has all commands, one answer serves all who wait.
    if (this.#owed !== undefined && !this.#isUpToDate) return this.#owed
    this.#lastPing += 1n
    const token = this.#lastPing
    const answer = new Promise<void>((resolve) => {
      this.#pings.set(token, resolve)
    })
    if (this.#isUpToDate) this.#process?.send(encodePing(token))
    else this.#owed = answer
    return answer
  }

  get stats(): SourceStats {
    const lost = Object.values(this.#lost).reduce((sum, count) => sum + count, 0)
    const counters = this.#counters
    const measured = this.#measured.all
    return {
      ...(measured.length > 0 && { measured }),
      received: this.#delivered + lost,
      delivered: this.#delivered,
      lost: { ...this.#lost },
      facts: {
        ...this.#facts,
        restarts: String(this.#restarts),
        ...(counters && {
          'kernel.received': String(counters.received),
          'kernel.emitted': String(counters.emitted),
          'kernel.filtered': String(counters.filtered),
          'kernel.unfiltered': String(counters.unfiltered),
          'kernel.unnamed': String(counters.unnamed),
        }),
      },
    }
  }

  /** Pid of the running sensor; for tests and for `snug status`. */
  get sensorPid(): number | undefined {
    return this.#process?.pid
  }

  async measureCost(seconds: number): Promise<KernelCost> {
    const pid = this.sensorPid
    if (pid === undefined) throw new SnugError('SENSOR_UNAVAILABLE', 'the sensor does not run')
    const cost = await sensorCost(pid, seconds, this.#options.sensorPath)
    this.#measured.add(cost.programs)
    return cost
  }

  async *messages(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    if (this.#used) throw new SnugError('INTERNAL', 'the source `ebpf` was already read')
    this.#used = true
    const backoff = new Backoff(backoffRules)
    try {
      while (!signal.aborted) {
        const began = performance.now()
        yield* this.#run(signal)
        if (signal.aborted) return
        if (performance.now() - began > longestRestartMs) backoff.reset()
        const longestMs = this.#hasRun ? longestRestartMs : Infinity
        const waitMs = Math.min(backoff.next(), longestMs)
        await delay(waitMs, undefined, { signal }).catch(() => undefined)
        this.#restarts += 1
      }
    } finally {
      this.#state = { kind: 'stopped' }
    }
  }

  /** One run of the sensor. Throws only if the sensor never worked. */
  async *#run(signal: AbortSignal): AsyncGenerator<SourceBatch, void, undefined> {
    const sensor = new SensorProcess({
      path: this.#options.sensorPath ?? builtSensor,
      args: this.#arguments(),
      log: (line) => this.#options.log?.(line, 'info'),
    })
    this.#process = sensor
    this.#isUpToDate = false
    const stop = (): void => void sensor.stop()
    signal.addEventListener('abort', stop, { once: true })
    const reader = new FrameReader()
    const decoder = new RecordDecoder({ node: this.#options.node, seen: this.#live })
    let fault: SnugError | undefined
    const silence = new SensorSilence(() => sensor.kill(), this.#options.silentSeconds)
    const unmarked = new UnmarkedMessages()
    try {
      for await (const chunk of sensor.output) {
        if (signal.aborted) break
        silence.broken()
        try {
          for (const frame of reader.push(chunk as Buffer)) {
            const decoded = decoder.decode(frame)
            if (decoded === undefined) continue
            this.#take(decoded, decoder, unmarked.messages)
            unmarked.after(decoded)
          }
        } catch (error) {
          if (!(error instanceof SnugError)) throw error
          fault = error
        }
        const { batch, mark } = unmarked.release()
        if (batch.length > 0) yield batch
        if (mark !== undefined) {
          this.#judged = mark
          if (this.#options.acknowledgeWhen !== 'stored') this.#acknowledge(mark)
        }
        for (const token of this.#answered.splice(0)) this.#answer(token)
        if (fault !== undefined) break
        silence.listen()
      }
      // Without a next sensor that reports them again, these are valid as they are.
      const isReportedAgain = this.#options.kernelState !== undefined
      if (!isReportedAgain && unmarked.messages.length > 0) yield unmarked.messages
    } finally {
      silence.end()
      if (silence.isHang)
        fault ??= new SnugError(
          'SENSOR_DIED',
          `the sensor reported nothing for ${silence.limitSeconds} s`,
        )
      signal.removeEventListener('abort', stop)
      if (fault !== undefined) sensor.kill()
      this.#ended(await sensor.stop(), fault, signal)
    }
  }

  #arguments(): string[] {
    const { ringBytes, rings, kernelState, probeSeconds, programs = [], units = [] } = this.#options
    const { sensorArguments = [] } = this.#options
    const resume = this.#judged ?? this.#acknowledged
    return [
      '--ack',
      ...(kernelState === undefined ? [] : ['--pin', kernelState]),
      ...(resume === undefined ? [] : ['--resume', resume]),
      // Keys are meaningless to a daemon that did not receive their events.
      ...(this.#facts['kernel'] === undefined ? ['--fresh-daemon'] : []),
      ...(probeSeconds === undefined ? [] : ['--selftest', String(probeSeconds)]),
      ...(programs.length === 0 ? [] : ['--programs', programs.join(',')]),
      ...(units.length === 0 ? [] : ['--units', units.join(',')]),
      ...sensorArguments,
      ...(ringBytes === undefined ? [] : ['--ring-size', String(ringBytes)]),
      ...(rings === undefined ? [] : ['--rings', String(rings)]),
      ...(this.#filter === 'off' ? ['--unfiltered'] : []),
    ]
  }

  #ended(exit: SensorExit, fault: SnugError | undefined, signal: AbortSignal): void {
    this.#process = undefined
    for (const answer of this.#asked.values()) answer(false)
    this.#asked.clear()
    if (signal.aborted) return
    const why = fault?.message ?? exit.lastOutput
    const { code } = fault ?? { code: 'SENSOR_DIED' }
    const words = why === undefined ? '' : `: ${why}`
    const reason = `the sensor ended (${exit.how})${words} (${code})`
    const canHeal = this.#options.startAgain === true && fault?.code !== 'SENSOR_PROTOCOL'
    if (this.#state.kind === 'starting' && !canHeal) {
      throw fault ?? new SnugError('SENSOR_UNAVAILABLE', reason)
    }
    // For repeated failures, the gap starts with the first one.
    const since = this.#state.kind === 'degraded' ? this.#state.since : new Date().toISOString()
    this.#state = { kind: 'degraded', reason, since }
    this.#options.log?.(reason, 'warn')
  }

  #take(decoded: Decoded, decoder: RecordDecoder, batch: SourceMessage[]): void {
    switch (decoded.type) {
      case 'hello':
        this.#greeted(decoded, decoder, batch)
        return
      case 'stats':
        this.#counters = decoded
        this.#lastReceived = new Date().toISOString()
        if (this.#catchingUp) this.#resend()
        return
      case 'mark':
        if (this.#options.acknowledgeWhen === 'stored') break
        return
      case 'pong':
        if (decoded.token === 0n) this.#confirmed(batch)
        this.#answered.push(decoded.token)
        return
      case 'runs':
        this.#asked.get(decoded.token)?.(decoded.runs)
        this.#asked.delete(decoded.token)
        return
      case 'container-started': {
        const { id, before } = decoded.container
        this.#unconfirmed.delete(id)
        this.#send(this.#kernel.started(id))
        if (this.#live.has(id)) return
        this.#live.set(id, before)
        break
      }
      case 'container-ended':
        this.#live.delete(decoded.id)
        break
      case 'event':
        if (decoded.event.kind === 'loss') {
          const { reason, count } = decoded.event.loss
          this.#lost[reason] = (this.#lost[reason] ?? 0) + count
        } else {
          this.#delivered += 1
        }
        break
      case 'count-update':
        this.#delivered += decoded.countUpdate.count
        break
      case 'disarmed':
        this.#kernel.disarmed(decoded.scope, decoded.kinds)
        break
      case 'profile-answer':
        this.#profileAnswered(decoded, batch)
        return
      case 'policy':
        if (decoded.report.kind === 'evicted') this.#evicted(decoded.report.scope)
        break
      case 'name-answer':
      case 'self-probe':
      case 'began':
        break
    }
    batch.push(decoded)
  }

  #profileAnswered({ scope, serial, failure }: ProfileAnswer, batch: SourceMessage[]): void {
    // The profile was replaced meanwhile: only the answer to its successor counts.
    if (!this.#kernel.isCurrent(scope, serial)) return
    if (failure === undefined) {
      batch.push({ type: 'policy', report: { kind: 'installed', scope } })
      return
    }
    this.#kernel.failed(scope, failure.isForRoom)
    batch.push({ type: 'policy', report: { kind: 'failed', scope, reason: failure.text } })
  }

  #evicted(scope: number): void {
    this.#send(this.#kernel.evicted(scope, (id) => this.#live.has(id)))
  }

  #greeted({ facts, kept }: SensorHello, decoder: RecordDecoder, batch: SourceMessage[]): void {
    const now = new Date().toISOString()
    if (!this.#hasRun) batch.push({ type: 'began', kept })
    this.#hasRun = true
    if (!kept) batch.push({ type: 'policy', report: { kind: 'reset' } })
    if (this.#state.kind === 'degraded' && !kept) {
      const from = this.#lastReceived ?? this.#state.since
      this.#take(decoder.loss('sensor-gap', 1, from, now), decoder, batch)
    }
    this.#facts = facts
    this.#supports = {
      ...this.#supports,
      received: facts['stop.receive'] === 'blocked',
      serverNames: facts['stop.server-name'] === 'blocked',
    }
    this.#state = { kind: 'running' }
    this.#lastReceived = now
    for (const id of this.#live.keys()) this.#unconfirmed.add(id)
    // The kernel's earlier events come first: this must not arm a version that disarmed itself.
    if (kept) this.#catchingUp = true
    else this.#resend()
  }

  /**
   * A new sensor has no state, or the state of an earlier daemon. This sends it the current state.
   */
  #resend(): void {
    this.#catchingUp = false
    this.#isUpToDate = true
    // What is stored needs no place in the rings, whichever sensor reported it.
    if (this.#acknowledged !== undefined) this.#process?.send(encodeAck(this.#acknowledged))
    for (const command of this.#kernel.all()) this.#send(command)
    this.#process?.send(encodeFilter(this.#filter))
    this.#process?.send(encodePing(0n))
    this.#owed = undefined
    for (const token of this.#pings.keys()) this.#process?.send(encodePing(token))
  }

  #acknowledge(mark: SourceMark): void {
    this.#acknowledged = mark
    this.#process?.send(encodeAck(mark))
  }

  /** The sensor has now reported all running containers: the others ended while no sensor ran. */
  #confirmed(batch: SourceMessage[]): void {
    for (const id of this.#unconfirmed) {
      this.#live.delete(id)
      batch.push({ type: 'container-ended', id, time: new Date().toISOString() })
    }
    this.#unconfirmed.clear()
  }

  #answer(token: bigint): void {
    this.#pings.get(token)?.()
    this.#pings.delete(token)
  }

  #send(command: Buffer): void {
    if (command.length > 0 && this.#isUpToDate) this.#process?.send(command)
  }

  #runsStill(run: Run): Promise<boolean> {
    const sensor = this.#process
    if (sensor === undefined || !this.#isUpToDate) return Promise.resolve(false)
    this.#lastAsked += 1n
    sensor.send(encodeRunsStill(this.#lastAsked, run))
    return new Promise((resolve) => this.#asked.set(this.#lastAsked, resolve))
  }

  #known(scope: number, keys: readonly BehaviourKey[]): void {
    if (keys.length > 0) this.#process?.send(encodeKnown(scope, keys))
  }
}
