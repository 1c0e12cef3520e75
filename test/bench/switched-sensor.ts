import { setTimeout as delay } from 'node:timers/promises'
import type { ActEvent } from '../../src/core/event/event.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Recorder } from '../sensor/recorder.ts'

/** Also where the machine is emulated, and another one runs beside it. */
const startMs = 900_000
const switchMs = 300_000
/** Of the first container's profile. */
const firstScope = 3

type Switch = 'SIGUSR1' | 'SIGUSR2'

/** A sensor elsewhere than on this machine. */
export interface Remote {
  readonly sensorPath: string
  readonly sensorArguments: readonly string[]
  readonly signal: (name: Switch) => Promise<unknown>
  /** What it has printed until now. */
  readonly log: () => string
}

/** A sensor by itself, whose programs are attached and detached on command. */
export class SwitchedSensor {
  readonly #recorder: Recorder
  readonly #remote: Remote | undefined
  #isAttached = true
  readonly #learned = new Map<string, number>()

  private constructor(remote?: Remote) {
    this.#remote = remote
    this.#recorder = new Recorder({
      probeSeconds: 0,
      ...(remote !== undefined && {
        sensorPath: remote.sensorPath,
        silentSeconds: startMs / 1_000,
      }),
      sensorArguments: ['--switchable', ...(remote?.sensorArguments ?? [])],
    })
  }

  static async start(remote?: Remote): Promise<SwitchedSensor> {
    const sensor = new SwitchedSensor(remote)
    await sensor.#recorder.running()
    return sensor
  }

  get facts(): Readonly<Record<string, string>> {
    return this.#recorder.source.stats.facts
  }

  /** Gives each container a profile of all that it has done. */
  async learn(...containers: readonly string[]): Promise<void> {
    const { source } = this.#recorder
    await source.obeyed()
    containers.forEach((container, index) => {
      const seen = this.#recorder.acts(container)
      this.#learned.set(container, seen.length)
      const profile = new Profile(shaper)
      const observe = (event: ActEvent): void => {
        profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
      }
      seen.forEach(observe)
      const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
      source.control.profile?.(firstScope + index, compiled.profile)
      source.control.assign(container, firstScope + index, { enforce: true })
    })
    await source.obeyed()
  }

  async enforce(mode: 'alert' | 'block'): Promise<void> {
    const { source } = this.#recorder
    const budget = 1_000_000
    for (const index of [...this.#learned.keys()].keys())
      source.control.enforce?.(firstScope + index, { mode, budget })
    await source.obeyed()
  }

  async attach(on: boolean): Promise<void> {
    if (on === this.#isAttached) return
    this.#isAttached = on
    const { source } = this.#recorder
    const before = this.#switches()
    const name = on ? 'SIGUSR2' : 'SIGUSR1'
    if (this.#remote === undefined) process.kill(source.sensorPid ?? 0, name)
    else await this.#remote.signal(name)
    // A command wakes it, should the signal have come just before it went to sleep.
    await source.obeyed()
    const deadline = performance.now() + switchMs
    while (this.#switches() === before) {
      if (performance.now() > deadline) throw new Error(`hooks not switched:\n${this.#log()}`)
      await delay(10)
    }
  }

  #log(): string {
    return this.#remote?.log() ?? this.#recorder.log.join('\n')
  }

  #switches(): number {
    return this.#log().match(/hooks (attached|detached)/g)?.length ?? 0
  }

  /** What is measured is the cost of known behaviour: nothing of it may have come up. */
  assertQuiet(): void {
    for (const [container, learned] of this.#learned) {
      const news = this.#recorder.acts(container).slice(learned)
      if (news.length === 0) continue
      const [first] = news
      throw new Error(`${news.length} events were reported, first ${JSON.stringify(first)}`)
    }
  }

  stop(): Promise<void> {
    return this.#recorder.stop()
  }
}
