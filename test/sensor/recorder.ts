import { hiddenBy } from '../../src/core/match/loss-risk.ts'
import type { ActEvent, LossEvent } from '../../src/core/event/event.ts'
import {
  EbpfSource,
  type EbpfSourceOptions,
} from '../../src/agent/pipeline/sources/ebpf/ebpf-source.ts'
import { shippedRules } from '../fixtures/event-fixture.ts'
import { hangMs, patienceMs } from '../fixtures/patience.ts'
import type { CountUpdate, SourceMessage } from '../../src/agent/pipeline/sources/source.ts'

/** A running source, and all of its messages. */
export class Recorder {
  readonly source: EbpfSource
  readonly messages: SourceMessage[] = []
  readonly log: string[] = []
  readonly #stop = new AbortController()
  readonly ended: Promise<void>
  #waiting: (() => void)[] = []

  /** `prepare`: sends what a daemon sends before it reads. */
  constructor(
    options: Partial<EbpfSourceOptions> = {},
    prepare?: (control: EbpfSource['control']) => void,
  ) {
    const programs = shippedRules.arguments.flatMap(({ names }) => names)
    const log = (line: string): unknown => this.log.push(line)
    this.source = new EbpfSource({ node: 'n1', programs, log, ...options })
    prepare?.(this.source.control)
    this.ended = this.#read()
  }

  async #read(): Promise<void> {
    for await (const batch of this.source.messages(this.#stop.signal)) {
      // A batch can have more messages than a call may have arguments.
      for (const message of batch) this.messages.push(message)
      for (const wake of this.#waiting.splice(0)) wake()
    }
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Resolves once the condition holds; looked at after each batch. */
  async until(condition: () => boolean, what: string): Promise<void> {
    // A failure that names what did not come, before the test hangs.
    const deadline = performance.now() + hangMs - patienceMs
    while (!condition()) {
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`did not come: ${what}\n${this.log.join('\n')}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(left, 100))
        this.#waiting.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** In an emulated machine on a busy host the kernel takes minutes to check the programs. */
  running(): Promise<void> {
    return this.until(() => this.source.state.kind === 'running', 'a running sensor')
  }

  /** From here on repeats are reported too; before the sensor has obeyed, one could still be counted in the kernel. */
  everyEvent(): Promise<void> {
    this.source.control.filter('off')
    return this.source.obeyed()
  }

  acts(id?: string): ActEvent[] {
    return this.messages.flatMap((message) =>
      message.type === 'event' &&
      message.event.kind !== 'loss' &&
      (id === undefined || message.event.container.id === id)
        ? [message.event]
        : [],
    )
  }

  /** The container's DNS answers, and its connections to port 443, in order. */
  named(id: string): readonly string[] {
    return this.messages.flatMap((message) => {
      if (message.type === 'name-answer' && message.answer.containerId === id) {
        const { resolver, name, addresses } = message.answer
        const places = addresses.map(({ address }) => address)
        return [`${resolver}: ${name} is at ${places.join(', ')}`]
      }
      if (message.type !== 'event' || message.event.kind !== 'connect') return []
      const { connect, container } = message.event
      return container.id === id && connect.port === 443 ? [`connect to ${connect.address}`] : []
    })
  }

  losses(): LossEvent[] {
    return this.messages.flatMap((message) =>
      message.type === 'event' && message.event.kind === 'loss' ? [message.event] : [],
    )
  }

  /** Of these containers, as other tests have some too. Of a container that is not known, without single acts. */
  lossesOf(...ids: readonly string[]): LossEvent[] {
    return this.losses().filter(({ container, loss }) =>
      container === undefined ? hiddenBy[loss.reason] !== 'single' : ids.includes(container.id),
    )
  }

  countUpdates(id: string): CountUpdate[] {
    return this.messages.flatMap((message) =>
      message.type === 'count-update' && message.countUpdate.containerId === id
        ? [message.countUpdate]
        : [],
    )
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.ended
  }
}
