import type { Command } from 'commander'
import { formatDuration } from '../../support/config/duration.ts'
import type { SinkTest, SinkView } from '../../api/sink-view.ts'
import type { CliContext } from '../cli-context.ts'
import { type Column, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

const columns: readonly Column<SinkView>[] = [
  { head: 'NAME', value: ({ name }) => name },
  { head: 'TYPE', value: ({ type }) => type },
  { head: 'FORMAT', value: ({ format }) => format },
  {
    head: 'STATE',
    value: ({ state }) => state,
    colour: ({ state }) => (state === 'failing' ? 'red' : undefined),
  },
  { head: 'WAITING', value: ({ waiting }) => waiting, right: true },
  { head: 'LAG', value: ({ lagMs }) => lagText(lagMs), right: true },
  { head: 'DELIVERED', value: ({ delivered }) => delivered, right: true },
  { head: 'GIVEN UP', value: ({ givenUp }) => givenUp, right: true },
  { head: 'TARGET', value: ({ target }) => target, cut: true },
]

export function sinkCommands(program: Command, context: CliContext): void {
  const sink = program.command('sink').description('shows and tests the sinks of alerts')

  sink
    .command('list')
    .description('lists sinks with their queue, deliveries and errors')
    .action(async () => {
      const sinks = await context.client.get<readonly SinkView[]>('/v1/sinks')
      await context.print(sinks, sinks, () => textTable(columns, sinks, context.io, newsText))
    })

  sink
    .command('test')
    .description('sends a test alert; exits with 2 if the sink does not accept it')
    .argument('<name>')
    .action(async (name: string) => {
      const path = `/v1/sinks/${encodeURIComponent(name)}/test`
      const test = await context.client.send<SinkTest>('POST', path)
      await context.print(test, [test], () => testText(name, test))
      if (!test.ok) context.exit = 2
    })
}

function newsText({ lastDelivery, lastError }: SinkView): string {
  const error =
    lastError === undefined ? '' : `; last error at ${lastError.time}: ${lastError.text}`
  return `last delivery ${lastDelivery === undefined ? 'never' : `at ${lastDelivery}`}${error}`
}

function testText(name: string, { ok, id, answer, tookMs }: SinkTest): string {
  const how = ok ? 'accepted' : 'did not accept'
  return `\`${name}\` ${how} the test alert ${id} (${tookMs} ms): ${safeText(answer)}\n`
}

function lagText(ms: number): string {
  return ms === 0 ? '-' : formatDuration(Math.max(1_000, Math.round(ms / 1_000) * 1_000))
}
