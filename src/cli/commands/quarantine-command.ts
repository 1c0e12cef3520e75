import { type Command, Option } from 'commander'
import { type HoldLevel, holdLevels } from '../../core/lifecycle/hold.ts'
import { SnugError } from '../../errors.ts'
import type { HoldView } from '../../api/hold-views.ts'
import { dryRunHelp } from '../bulk.ts'
import type { CliContext } from '../cli-context.ts'
import { parseFor } from '../input/option-values.ts'
import { textFields } from '../output/text-table.ts'

export interface HoldOptions {
  readonly level?: HoldLevel
  readonly for?: string
  readonly reason?: string
  readonly dryRun?: true
}

const targetHelp = 'a container by its name or id, a pod by its name, or an image'

/** What a quarantine is: by the agent of a node, or for a cluster. */
export function addHoldOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--level <level>',
        '`network`, the default: no packet leaves or enters. `changes`: no program, file or connection is new. `freeze`: nothing runs. `stop`: its engine ends it',
      ).choices(holdLevels),
    )
    .option('--for <time>', 'duration, such as `1h`, which is the default; at most `7d`', parseFor)
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
}

export function quarantineCommands(program: Command, context: CliContext): void {
  const quarantine = addHoldOptions(
    program
      .command('quarantine')
      .description(
        'keeps containers from acting for a limited time: by the kernel, or by their engine; audited',
      )
      .argument('<target>', targetHelp),
  ).action(async (target: string, { reason, ...options }: HoldOptions) => {
    if (reason === undefined) throw new SnugError('USAGE', 'pass `--reason`')
    const hold = await context.client.send<HoldView>('POST', '/v1/holds', {
      target,
      reason,
      ...options,
    })
    await context.print(hold, [hold], () => holdText(hold))
  })
  quarantine
    .command('list')
    .description('shows what is held, and whether kernel and engines have confirmed it')
    .action(async () => {
      const holds = await context.client.get<readonly HoldView[]>('/v1/holds')
      await context.print(holds, holds, () => holdsText(holds))
    })
  program
    .command('release')
    .description('ends the quarantine of a container, a pod or an image; audited')
    .argument('<target>', `${targetHelp}, or the id of a quarantine`)
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (target: string, { reason }: { readonly reason?: string }) => {
      const released = await context.client.send<readonly HoldView[]>('POST', '/v1/holds/release', {
        target,
        reason,
      })
      await context.print(released, released, () => released.map(releasedText).join(''))
    })
}

function holdsText(holds: readonly HoldView[]): string {
  return holds.length === 0 ? 'nothing is held\n' : holds.map(holdText).join('\n')
}

export function releasedText({
  target,
  level,
  id,
}: Pick<HoldView, 'target' | 'level' | 'id'>): string {
  return `released ${target} (${level}, ${id})\n`
}

function holdText({ id, level, target, by, reason, until, containers }: HoldView): string {
  return textFields([
    ['quarantine', id],
    ['target', target],
    ['level', level],
    ['until', until],
    ['by', `${by}: ${reason}`],
    ['containers', containers.length === 0 ? 'none runs here now' : containers.map(containerText)],
  ])
}

function containerText({
  id,
  name,
  image,
  state,
  because,
  ended,
}: HoldView['containers'][number]): string {
  const called = name === undefined ? '' : ` ${name}`
  const why = because === undefined ? '' : `: ${because}`
  const connections = ended === undefined ? '' : `, ended ${ended} connections`
  return `${id.slice(0, 12)}${called} (${image}): ${state}${why}${connections}`
}
