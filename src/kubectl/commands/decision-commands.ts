import { Argument, type Command, InvalidArgumentError } from 'commander'
import { type VersionClass, versionClasses } from '../../core/lifecycle/open-version.ts'
import { SnugError } from '../../errors.ts'
import { lineageName } from '../../core/event/image-key.ts'
import { refuseGit } from '../../fleet/kubernetes/decide.ts'
import type { ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import { type Mode, modes } from '../../core/lifecycle/mode.ts'
import {
  approving,
  settingClass,
  settingMode,
  type SpecChange,
} from '../../fleet/kubernetes/spec-change.ts'
import { dryRunHelp, yesHelp } from '../../cli/bulk.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { confirm } from '../../cli/input/confirm.ts'
import { clusterAccess } from '../cluster-access.ts'
import { FleetClient } from '../fleet-client.ts'
import { chosenProfile } from '../profile-choice.ts'
import { profileTable } from './images-command.ts'

const profileHelp = 'name of a profile, repository, repository#namespace, or one of them @sha256:…'
const managerHelp = 'author of the decision in the object'
const manager = 'kubectl-snug'

interface DecisionOptions {
  readonly fieldManager: string
  readonly dryRun?: true
  readonly yes?: true
}

interface ApproveOptions extends DecisionOptions {
  readonly all?: true
  readonly behaviour?: readonly string[]
  readonly quarantined?: readonly string[]
}

export function decisionCommands(program: Command, context: CliContext): void {
  program
    .command('approve')
    .description('approves behaviours of an image on every node')
    .argument('<profile>', profileHelp)
    .option('--behaviour <id...>', 'ids, as `kubectl snug review` prints them', parseId)
    .option(
      '--quarantined <id...>',
      'ids of behaviours that a guardrail keeps in quarantine',
      parseId,
    )
    .option('--all', 'everything that waits for review now, except behaviours in quarantine')
    .option('--field-manager <name>', managerHelp, manager)
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, options: ApproveOptions, command: Command) => {
      const { all = false, behaviour: behaviours = [], quarantined = [] } = options
      if (!all && behaviours.length + quarantined.length === 0)
        throw new SnugError('USAGE', 'pass `--behaviour`, `--quarantined` or `--all`')
      const approval = { all, behaviours, quarantined }
      await decide(ref, options, command, approving(approval), approvalText)

      function approvalText({ status }: ImageProfile): string {
        const named = behaviours.length + quarantined.length
        const parts = [
          ...(named === 0 ? [] : [`${named} behaviours`]),
          ...(all ? [`everything that waits, ${status?.pending ?? 0} at present`] : []),
        ]
        return `Approve ${parts.join(' and ')}`
      }
    })

  program
    .command('mode')
    .description('sets the mode of an image on every node: how Snug responds to a deviation')
    .argument('<profile>', profileHelp)
    .addArgument(new Argument('<mode>', 'what a deviation gets').choices(modes))
    .option('--field-manager <name>', managerHelp, manager)
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, mode: Mode, options: DecisionOptions, command: Command) => {
      await decide(ref, options, command, settingMode(mode), () => `Set mode ${mode}`)
    })

  program
    .command('class')
    .description(
      'decides on every node whether the set of programs of an image is expected to close',
    )
    .argument('<profile>', profileHelp)
    .addArgument(
      new Argument('<class>', '`open`: programs of the image, and installed ones, may run').choices(
        versionClasses,
      ),
    )
    .option('--field-manager <name>', managerHelp, manager)
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, to: VersionClass, options: DecisionOptions, command: Command) => {
      await decide(ref, options, command, settingClass(to), () => `Set class ${to}`)
    })

  async function decide(
    ref: string,
    { fieldManager: author, dryRun, yes }: DecisionOptions,
    command: Command,
    change: SpecChange,
    text: (profile: ImageProfile) => string,
  ): Promise<void> {
    const { io } = context
    const access = clusterAccess(command)
    const client = new FleetClient(access, io)
    const profile = chosenProfile(ref, await client.profiles(), access.namespace)
    const { name } = profile.metadata
    refuseGit(profile)
    const what = `${text(profile)} for ${lineageName(profile.spec.image)} (${name})`
    if (dryRun === true) {
      const by = { by: author, at: new Date().toISOString() }
      const planned = { profile: name, changes: change(profile.spec, by) }
      return context.print(planned, [planned], () => `${what}: not done\n`)
    }
    await confirm(io, `${what}?`, yes === true)
    const changed = await client.decide({ name, change, author })
    await context.print(changed, [changed], () => profileTable([changed], context))
  }
}

function parseId(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^b[0-9a-f]{20}$/.test(text)) {
    throw new InvalidArgumentError('It must be a whole id, `b` and 20 digits.')
  }
  return before.includes(text) ? before : [...before, text]
}
