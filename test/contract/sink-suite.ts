import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Sink } from '../../src/agent/pipeline/delivery/sinks/sink.ts'
import { describeError } from '../../src/errors.ts'
import { hostile, hostileAlert, sampleAlerts } from '../fixtures/format-alerts.ts'
import type { Behaviour } from '../fixtures/sink-receivers.ts'

/** A sink with the receiver it writes to. */
export interface SinkBench {
  readonly sink: Sink
  /** Alerts as the receiver has them, a line each. */
  received(): readonly string[] | Promise<readonly string[]>
  /** Present where the receiver answers. */
  readonly behave?: (behaviour: Behaviour) => void
  dispose(): Promise<void>
}

export interface SinkSuiteOptions {
  readonly name: string
  /** `timeoutMs`: of the sink, where it has one. */
  open(timeoutMs: number): Promise<SinkBench>
  /**
   * The kind of receiver, if not one that answers and so can refuse: `silent` gets datagrams and never answers, and
   * `nobody` is no receiver at all.
   */
  readonly receiver?: 'silent' | 'nobody'
  /** The scope within which the receiver keeps the order, if not over all alerts. */
  readonly order?: 'container'
}

/** The conformance suite that every `Sink` passes. */
export function sinkSuite(options: SinkSuiteOptions): void {
  describe(`the sink ${options.name}`, () => {
    let bench: SinkBench
    beforeEach(async () => {
      bench = await options.open(10_000)
    })
    afterEach(async () => {
      await bench.sink.close()
      await bench.dispose()
    })

    const ids = async (): Promise<readonly string[]> => {
      const lines = await bench.received()
      return lines.map((line) => /01KAVS[0-9A-Z]+/.exec(line)?.[0] ?? line)
    }
    const awaited = async (wanted: readonly string[]): Promise<void> => {
      const found = options.order === undefined ? ids : async () => [...(await ids())].sort()
      const kept = options.order === undefined ? wanted : [...wanted].sort()
      await expect.poll(found).toEqual(kept)
    }

    it('takes batches in order, each whole, and confirms each one', async () => {
      expect(await bench.sink.write(sampleAlerts.slice(0, 3))).not.toBe('')
      await bench.sink.write(sampleAlerts.slice(3))
      await awaited(sampleAlerts.map(({ id }) => id))
    })

    it('keeps each alert one record, whatever a container put into it', async () => {
      await bench.sink.write([
        hostileAlert(hostile, '01KAVSA'),
        hostileAlert('z'.repeat(65_536), '01KAVSB'),
        hostileAlert('ü🦊\n'.repeat(200), '01KAVSC'),
      ])
      await awaited(['01KAVSA', '01KAVSB', '01KAVSC'])
    })

    it('takes many alerts at once', async () => {
      const many = Array.from({ length: 500 }, (_, at) => hostileAlert('plain', `01KAVS${at}`))
      await bench.sink.write(many)
      // Of datagrams, some may be lost.
      if (options.receiver !== 'silent') await awaited(many.map(({ id }) => id))
    })

    it('closes twice', async () => {
      await bench.sink.close()
      await bench.sink.close()
    })

    if (options.receiver !== undefined) return

    describe('with a receiver that refuses', () => {
      const behave = (behaviour: Behaviour): void => {
        if (bench.behave === undefined) throw new Error('its receiver cannot be made to refuse')
        bench.behave(behaviour)
      }

      it.each(['refuse', 'garbage'] as const)(
        'rejects, and delivers once it takes again (%s)',
        async (how) => {
          behave(how)
          const batch = sampleAlerts.slice(0, 2)
          await expect(bench.sink.write(batch)).rejects.toMatchObject({ code: 'SINK_REFUSED' })
          behave('take')
          await bench.sink.write(batch)
          await awaited(batch.map(({ id }) => id))
        },
      )

      it('rejects where the receiver hangs, after its timeout', async () => {
        const hasty = await options.open(100)
        hasty.behave?.('hang')
        const write = hasty.sink.write(sampleAlerts.slice(0, 1))
        await expect(write).rejects.toMatchObject({ code: 'SINK_REFUSED' })
        await hasty.sink.close()
        await hasty.dispose()
      })

      it('finishes the write in progress when it is closed', async () => {
        behave('hang')
        const write = bench.sink.write(sampleAlerts.slice(0, 1))
        const refused = write.then(() => 'taken', describeError)
        await bench.sink.close()
        // And not its timeout.
        expect(await refused).not.toMatch(/taken|timeout|within/)
      })
    })
  })
}
