import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../support/config/duration.ts'
import type { SnugEvent } from '../../core/event/event.ts'
import type { ReplayResult } from '../../api/profile-views.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { parseCount as parseLimit } from '../input/option-values.ts'
import { openInput } from '../input/event-input.ts'
import { recordEvents } from '../input/event-recorder.ts'
import { followLive } from '../follow-live.ts'
import { renderItem } from '../output/output.ts'
import { withProgress } from '../output/progress.ts'
import { rejectedExit, reportRejected } from '../output/rejected-lines.ts'
import { textFields } from '../output/text-table.ts'
import { eventText, imageText } from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

interface Filter {
  readonly image?: string
  readonly container?: string
}

interface Limits extends Filter {
  readonly for?: number
  readonly count?: number
}

export function eventCommands(program: Command, context: CliContext): void {
  const event = program.command('event').description('prints, records and replays events')

  event
    .command('tail')
    .description('prints every event until Ctrl-C, as NDJSON by default')
    .option('--image <image>', 'only events of this image')
    .option('--container <id>', 'only events of this container')
    .action(async ({ image, container }: Filter) => {
      const format = context.format('ndjson')
      const ask = { topic: 'events', image, container, raw: true } as const
      await followLive(context, ask, (item) =>
        renderItem(format, item, () => eventLine(item as SnugEvent)),
      )
    })

  event
    .command('list')
    .description('lists the latest new or deviating events, newest first')
    .option('--image <image>', 'only events of this image')
    .option('--container <id>', 'only events of this container')
    .option('--session <id>', 'only events of this exec session')
    .option('--limit <count>', 'maximum number of events', parseLimit, 100)
    .action(async (filter: Filter & { readonly session?: string; readonly limit: number }) => {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries(filter)) query.set(name, String(value))
      const events = await context.client.get<readonly SnugEvent[]>(
        `/v1/events?${query.toString()}`,
      )
      await context.print(events, events, () => events.map(eventLine).join(''))
    })

  event
    .command('record')
    .description('writes every event to a file until Ctrl-C; a missed event appears as a `loss`')
    .argument('<file>', 'NDJSON; `-` is standard output')
    .option('--image <image>', 'only events of this image')
    .option('--container <id>', 'only events of this container')
    .option('--for <duration>', 'stops after this time, such as `10s`', parseFor)
    .option('--count <count>', 'stops after this number of events', parseCount)
    .action(async (file: string, { image, container, for: time, count }: Limits) => {
      const limits = {
        ...(time === undefined ? {} : { ms: time }),
        ...(count === undefined ? {} : { count }),
      }
      const { events, missed } = await recordEvents(context, file, { image, container }, limits)
      printLine(context.io, `recorded ${events} events; ${missed === 0 ? 'none' : missed} missed`)
    })

  event
    .command('replay')
    .description(
      'replays recorded events in the agent as if they happened now; exits with 2 on deviations, with 3 on invalid lines',
    )
    .argument('<file>', 'NDJSON; `-` is standard input')
    .action(async (file: string) => {
      const input = await openInput(file, context.io)
      const { client, io } = context
      const result = await withProgress(io, input, () =>
        client.upload<ReplayResult>('/v1/events', input, io.signal),
      )
      await context.print(result, [result], () => replayText(result))
      reportRejected(context.io, result)
      context.exit = rejectedExit(result)
    })
}

function eventLine(event: SnugEvent): string {
  const time = `${event.time.slice(0, 19)}Z`
  const container = event.container?.name ?? event.container?.id.slice(0, 12) ?? '-'
  const actor = event.kind === 'loss' ? '-' : `${event.process.exe} uid ${event.process.uid}`
  return `${time} ${safeText(`${imageText(event.image)} ${container} ${actor}: ${eventText(event)}`)}\n`
}

function replayText(result: ReplayResult): string {
  return textFields([
    ['events', String(result.events)],
    ['expected', String(result.expected)],
    ['learned', String(result.learned)],
    ['deviations', String(result.deviations)],
    ['unprofiled', String(result.unprofiled)],
    ['losses', String(result.losses)],
    ['rejected', String(result.rejectedCount)],
  ])
}

function parseFor(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return ms
  throw new InvalidArgumentError('It must be a duration such as 10s.')
}

function parseCount(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It must be a number above 0.')
}
