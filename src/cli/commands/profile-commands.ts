import { Argument, type Command } from 'commander'
import {
  type BackTestResult,
  type BackTestRow,
  type BehaviourView,
  type DecisionResult,
  type DiffRow,
  type Mode,
  modes,
  type ProfileDiff,
  type ProfileView,
  type VersionView,
} from '../../flow/engine.ts'
import { imagePath } from '../agent-client.ts'
import type { CliContext } from '../cli-context.ts'
import { SnugError } from '../../errors.ts'
import { openInput } from '../event-input.ts'
import { parseFor, parseShare } from '../option-values.ts'
import { rejectedExit, tellRejected } from '../rejected-lines.ts'
import { safeText } from '../terminal-text.ts'
import { type Column, type TableStyle, textFields, textTable } from '../text-table.ts'
import { blockingFields, imageText, lossLines } from '../view-text.ts'

interface ModeOptions {
  readonly canary?: number
  readonly canaryFor?: string
  readonly reason?: string
}

const behaviourColumns: readonly Column<BehaviourView>[] = [
  // As much as tells behaviours apart; any unique beginning is taken for the whole.
  { head: 'ID', value: ({ id }) => id.slice(0, 10) },
  { head: 'STATE', value: ({ state }) => state },
  { head: 'COUNT', value: ({ count }) => count, right: true },
  { head: 'BEHAVIOUR', value: ({ text }) => text, cut: true },
]

const diffColumns: readonly Column<DiffRow & { readonly sign: string }>[] = [
  {
    head: '',
    value: ({ sign }) => sign,
    colour: ({ sign }) => (sign === '+' ? 'green' : 'red'),
  },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'BEHAVIOUR', value: ({ text }) => text, cut: true },
  { head: 'EXPLAINED BY', value: ({ explained }) => explained ?? '', cut: true },
]

const testColumns: readonly Column<BackTestRow>[] = [
  { head: 'LINE', value: ({ line }) => line, right: true },
  { head: 'VERDICT', value: ({ outcome }) => outcome },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'BEHAVIOUR', value: ({ text }) => text, cut: true },
  { head: 'COUNT', value: ({ count }) => count, right: true },
]

const imageHelp = 'repository, repository:tag or repository@sha256:…'

export function profileCommands(program: Command, context: CliContext): void {
  const profile = program.command('profile').description('what a version does, and may do')

  profile
    .command('show')
    .description('behaviours with their evidence')
    .argument('<image>', imageHelp)
    .action(async (ref: string) => {
      const view = await context.client.get<ProfileView>(imagePath(ref, '/profile'))
      await context.print(view, view.behaviours, () => profileText(view, context.io))
    })

  profile
    .command('diff')
    .description('the delta from one version to another')
    .argument('<from>', imageHelp)
    .argument('<to>', imageHelp)
    .action(async (from: string, to: string) => {
      const query = `/diff?to=${encodeURIComponent(to)}`
      const diff = await context.client.get<ProfileDiff>(imagePath(from, query))
      const rows = [
        ...diff.added.map((row) => ({ sign: '+', ...row })),
        ...diff.removed.map((row) => ({ sign: '-', ...row })),
      ]
      const head = `${imageText(diff.from)} to ${imageText(diff.to)}`
      const counts = `${diff.added.length} added, ${diff.removed.length} removed, ${diff.unchanged} unchanged`
      await context.print(diff, rows, () => {
        const table = rows.length === 0 ? '' : textTable(diffColumns, rows, context.io)
        return `${safeText(`${head}: ${counts}`)}\n${table}`
      })
    })

  profile
    .command('mode')
    .description('what a deviation gets')
    .argument('<image>', imageHelp)
    .addArgument(new Argument('<mode>', 'what a deviation gets').choices(modes))
    .option(
      '--canary <share>',
      'with block: the share of its containers that is blocked first',
      parseShare,
    )
    .option(
      '--canary-for <time>',
      'with block: how long only that share is, such as `30m`',
      parseFor,
    )
    .option('--reason <text>', 'kept with the decision')
    .action(async (ref: string, mode: Mode, { reason, canary, canaryFor }: ModeOptions) => {
      if (mode !== 'block' && (canary ?? canaryFor) !== undefined) {
        throw new SnugError('USAGE', 'a canary is for mode `block`')
      }
      const body = {
        mode,
        ...(canary === undefined ? {} : { canary }),
        ...(canaryFor === undefined ? {} : { canaryFor }),
        ...(reason === undefined ? {} : { reason }),
      }
      const version = await context.client.send<VersionView>('PUT', imagePath(ref, '/mode'), body)
      await printVersion(context, version)
    })

  profile
    .command('approve')
    .description('approves behaviours that wait for review; without --behaviour all of them')
    .argument('<image>', imageHelp)
    .option('--behaviour <id...>', 'only these')
    .option('--reason <text>', 'kept with the decision')
    .action(async (ref: string, options: { behaviour?: string[]; reason?: string }) => {
      const { behaviour, reason } = options
      const body = {
        ...(behaviour === undefined ? {} : { behaviours: behaviour }),
        ...(reason === undefined ? {} : { reason }),
      }
      const path = imagePath(ref, '/approve')
      const result = await context.client.send<DecisionResult>('POST', path, body)
      await context.print(result, result.decided, () =>
        textFields([
          ['approved', `${result.decided.length} behaviours of ${imageText(result.version.image)}`],
          ['state', versionState(result.version)],
        ]),
      )
    })

  profile
    .command('end-learning')
    .description('ends the learning window of a version now')
    .argument('<image>', imageHelp)
    .action(async (ref: string) => {
      const path = imagePath(ref, '/end-learning')
      await printVersion(context, await context.client.send<VersionView>('POST', path))
    })

  profile
    .command('test')
    .description(
      'judges recorded events against a profile and changes nothing; exit 2 with deviations, 3 with lines that are no events',
    )
    .argument('<image>', imageHelp)
    .requiredOption('--events <file>', 'NDJSON; `-` is standard input')
    .action(async (ref: string, { events }: { events: string }) => {
      const input = await openInput(events, context.io)
      const path = imagePath(ref, '/test')
      const result = await context.client.upload<BackTestResult>(path, input, context.io.signal)
      await context.print(result, result.rows, () => testText(result, context.io))
      tellRejected(context.io, result)
      context.exit = rejectedExit(result)
    })
}

async function printVersion(context: CliContext, version: VersionView): Promise<void> {
  await context.print(version, [version], () =>
    textFields([
      ['image', imageText(version.image)],
      ['state', versionState(version)],
      ...blockingFields(version),
    ]),
  )
}

function versionState({ state, mode, because }: VersionView): string {
  return `${state}, mode ${mode}: ${because}`
}

function profileText({ version, behaviours }: ProfileView, style: TableStyle): string {
  const head = textFields([
    ['image', imageText(version.image)],
    ['state', versionState(version)],
    ['coverage', version.coverage.sentence],
    ['losses', lossLines(version.losses)],
  ])
  const groups = new Map<string, BehaviourView[]>()
  for (const behaviour of behaviours) {
    const actor = actorText(behaviour)
    const rows = groups.get(actor) ?? []
    rows.push(behaviour)
    groups.set(actor, rows)
  }
  const tables = [...groups].map(
    ([actor, rows]) => `\n${safeText(actor)}\n${textTable(behaviourColumns, rows, style)}`,
  )
  return head + tables.join('')
}

function actorText({ actor, uid }: BehaviourView): string {
  const via = actor.script === undefined ? '' : ` (run by ${actor.exe})`
  return `${actor.script ?? actor.exe}${via}, uid ${uid}`
}

function testText(result: BackTestResult, style: TableStyle): string {
  const { events, expected, deviations, rejectedCount, rows } = result
  const sum = `${events} events: ${expected} expected, ${deviations} deviations, ${rejectedCount} rejected\n`
  if (rows.length === 0) return sum
  const reasons = rows.flatMap(({ line, reasons: why }) =>
    why.map((reason) => `line ${line}: ${safeText(reason)}\n`),
  )
  return `${sum}\n${textTable(testColumns, rows, style)}\n${reasons.join('')}`
}
