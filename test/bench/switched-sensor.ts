import type { ActEvent } from '../../src/core/event/event.ts'
import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../../src/core/compile/compile-kernel.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { Recorder } from '../sensor/recorder.ts'

const scope = 3

/** A sensor by itself, whose programs are attached and detached on command. */
export class SwitchedSensor {
  readonly #recorder: Recorder
  #log: string[] = []
  #isAttached = true
  #learned = 0
  #wake: () => void = () => undefined

  private constructor() {
    this.#recorder = new Recorder({
      probeSeconds: 0,
      sensorArguments: ['--switchable'],
      log: (line) => {
        this.#log.push(line)
        this.#wake()
      },
    })
  }

  static async start(): Promise<SwitchedSensor> {
    const sensor = new SwitchedSensor()
    await sensor.#recorder.running()
    return sensor
  }

  /** Gives the container a profile of all that it has done. */
  async learn(container: string): Promise<void> {
    const { source } = this.#recorder
    await source.obeyed()
    const seen = this.#recorder.acts(container)
    this.#learned = seen.length
    const profile = new Profile(shaper)
    const observe = (event: ActEvent): void => {
      profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
    }
    seen.forEach(observe)
    const compiled = compileKernel(profile, { now: 0, shippedMatching: () => [] })
    source.control.profile?.(scope, compiled.profile)
    source.control.assign(container, scope, { enforce: true })
    await source.obeyed()
  }

  async enforce(mode: 'alert' | 'block'): Promise<void> {
    const { source } = this.#recorder
    source.control.enforce?.(scope, { mode, budget: 1_000_000 })
    await source.obeyed()
  }

  async attach(on: boolean): Promise<void> {
    if (on === this.#isAttached) return
    this.#isAttached = on
    const { source } = this.#recorder
    this.#log = []
    process.kill(source.sensorPid ?? 0, on ? 'SIGUSR2' : 'SIGUSR1')
    // Wakes it, should the signal have come just before it went to sleep.
    await source.obeyed()
    while (!this.#log.includes(on ? 'hooks attached' : 'hooks detached')) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** What is measured is the cost of known behaviour: nothing of it may have come up. */
  assertQuiet(container: string): void {
    const reported = this.#recorder.acts(container).length - this.#learned
    if (reported > 0) throw new Error(`${reported} events that the profile has were reported`)
  }

  stop(): Promise<void> {
    return this.#recorder.stop()
  }
}
