import { behavioursOf } from '../../src/core/behaviour/behaviour.ts'
import { compileKernel } from '../fixtures/without-pauses.ts'
import type { KernelProfile } from '../../src/core/compile/kernel-profile.ts'
import type { ActEvent, LossEvent } from '../../src/core/event/event.ts'
import { Profile } from '../../src/core/profile/profile.ts'
import { shaper } from '../fixtures/event-fixture.ts'
import { newId } from '../sensor/container.ts'
import type { Recorder } from '../sensor/recorder.ts'
import { type Act, type Composition, lineOf, type Moment } from './composition.ts'
import type { Attacked, Ground } from './ground.ts'
import { tokenOf } from './image.ts'

const scope = 1
/** Of `red.c`. */
const FLOOD_PORT = 9
/** They need the file that the image did not ship. */
const dropping: ReadonlySet<Act> = new Set<Act>(['exec-dropped', 'map', 'map-later'])

/** What happened, as seen from outside of the processes that ran the composition. */
export interface Observation {
  readonly composition: Composition
  readonly slot: number
  /** What `red.c` prints. */
  readonly seen: Readonly<Record<string, string>>
  /** What the object's file has: a process that has it has read the file. */
  readonly token: string
  /** Epoch milliseconds, by the clock of the kernel that it ran on. */
  readonly from: number
  readonly to: number
}

export interface Batch {
  readonly observations: readonly Observation[]
  /** Everything that the sensor reported about the container. */
  readonly events: readonly ActEvent[]
  readonly losses: readonly LossEvent[]
}

/** A sensor on a ground, and a profile that holds the ordinary work of its containers. */
export class Field {
  readonly ground: Ground
  #recorder: Recorder
  #profile: KernelProfile | undefined

  private constructor(ground: Ground) {
    this.ground = ground
    this.#recorder = ground.recording()
  }

  static async open(ground: Ground): Promise<Field> {
    const field = new Field(ground)
    try {
      await field.#recorder.running()
      await field.#learn()
    } catch (error) {
      await field.close()
      throw error
    }
    return field
  }

  async close(): Promise<void> {
    await this.#recorder.stop()
    await this.ground.close()
  }

  async #learn(): Promise<void> {
    const container = await this.ground.contain(newId(), ['serve'], [])
    const printed = await container.run('ordinary\nend')
    const failed = printed.split('\n').filter((line) => !line.includes(' armed=1 result=0 '))
    if (failed.length > 0) throw new Error(`ordinary work fails: ${failed.join('\n')}`)
    await this.#recorder.source.obeyed()
    const profile = new Profile(shaper)
    for (const event of this.#recorder.acts(container.id)) {
      profile.observe(event, behavioursOf(event, shaper), { phase: 'learned' })
    }
    this.#profile = compileKernel(profile, { now: 0, shippedMatching: () => [] }).profile
    await container.stop()
    this.#install()
    await this.#recorder.source.obeyed()
  }

  /** As a daemon that has stored everything: else the sensor keeps it, until its rings are full. */
  #release(): void {
    const { messages, source } = this.#recorder
    const last = messages.findLast(({ type }) => type === 'mark')
    if (last?.type === 'mark') source.control.acknowledge?.(last.mark)
    messages.length = 0
  }

  #install(): void {
    const { control } = this.#recorder.source
    control.profile?.(scope, this.#profile)
    control.enforce?.(scope, { mode: 'block', budget: 1_000_000 })
  }

  /** All of one moment, in one container; of the moment `first` each has its own. */
  async run(compositions: readonly Composition[]): Promise<readonly Batch[]> {
    const moment = compositions[0]?.moment
    if (moment === undefined) return []
    if (moment !== 'first') return [await this.#runIn(compositions, moment)]
    const batches: Batch[] = []
    for (const composition of compositions) batches.push(await this.#runFirst(composition))
    return batches
  }

  async #runFirst(composition: Composition): Promise<Batch> {
    const id = newId()
    this.#recorder.source.control.assign(id, scope, { enforce: true })
    await this.#recorder.source.obeyed()
    const slot = 1
    const dropped = dropping.has(composition.act) ? [slot] : []
    const args = ['first', ...lineOf(slot, composition).split(' ')]
    const container = await this.ground.contain(id, args, dropped)
    const printed = await container.run('end')
    const observation = this.#observed(composition, slot, printed)
    return this.#finish(container, [observation])
  }

  async #runIn(compositions: readonly Composition[], moment: Moment): Promise<Batch> {
    const dropped = compositions.flatMap(({ act }, at) => (dropping.has(act) ? [at + 1] : []))
    const container = await this.ground.contain(newId(), ['serve'], dropped)
    await container.run('peer\nend')
    this.#recorder.source.control.assign(container.id, scope, { enforce: true })
    await this.#recorder.source.obeyed()
    if (moment === 'flood') await container.run('flood\nend')
    const before = this.#recorder
    if (moment === 'agent-dead') await before.stop()
    const replacing = moment === 'replaced' ? setInterval(() => this.#install(), 20) : undefined
    const observations: Observation[] = []
    try {
      for (const [index, composition] of compositions.entries()) {
        const slot = index + 1
        const printed = await container.run(`${lineOf(slot, composition)}\nend`)
        observations.push(this.#observed(composition, slot, printed))
      }
    } finally {
      clearInterval(replacing)
    }
    if (moment === 'agent-dead') {
      this.#recorder = this.ground.recording()
      await this.#recorder.running()
      this.#install()
    }
    return this.#finish(container, observations, before)
  }

  async #finish(
    container: Attacked,
    observations: readonly Observation[],
    before = this.#recorder,
  ): Promise<Batch> {
    await this.#recorder.source.obeyed()
    const recorders = [...new Set([before, this.#recorder])]
    const batch = {
      observations,
      events: recorders
        .flatMap((recorder) => recorder.acts(container.id))
        .filter((event) => event.kind !== 'connect' || event.connect.port !== FLOOD_PORT),
      losses: recorders
        .flatMap((recorder) => recorder.losses())
        .filter((loss) => loss.container === undefined || loss.container.id === container.id),
    }
    await container.stop()
    this.#release()
    return batch
  }

  #observed(composition: Composition, slot: number, printed: string): Observation {
    const seen = Object.fromEntries(
      printed
        .trim()
        .split(' ')
        .map((field) => field.split('=')),
    ) as Record<string, string>
    return {
      composition,
      slot,
      seen,
      token: tokenOf(this.ground.token, slot),
      from: Number(seen['from']),
      to: Number(seen['to']),
    }
  }
}
