import { Argument, type Command } from 'commander'
import type { BehaviourView, ProfileDiff, ProfileView } from '../../api/profile-views.ts'
import { type Mode, modes } from '../../core/lifecycle/mode.ts'
import type { VersionView } from '../../api/version-views.ts'
import { type AgentClient } from '../agent-client.ts'
import { imagePath } from '../../api/image-path.ts'
import type { CliContext } from '../cli-context.ts'
import { SnugError } from '../../errors.ts'
import { parseFor, parseShare } from '../input/option-values.ts'
import { foldedRows, type SignedRow } from '../output/diff-rows.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { profileTestCommand } from './profile-test-command.ts'
import { reviewQueueCommand } from './review-queue-command.ts'
import { imageHelp, quarantineText, reviewCommands } from './review-commands.ts'
import {
  blockingFields,
  classFields,
  imageText,
  lossLines,
  versionState,
} from '../output/view-text.ts'
import { userText } from '../../core/behaviour/user.ts'
import { type VersionClass, versionClasses } from '../../core/lifecycle/open-version.ts'
import { safeText } from '../../support/safe-text.ts'

interface ModeOptions {
  readonly canary?: number
  readonly canaryFor?: string
  readonly reason?: string
}

const behaviourColumns: readonly Column<BehaviourView>[] = [
  // Long enough to be unique in most profiles; any unique prefix is accepted as an id.
  { head: 'ID', value: ({ id }) => id.slice(0, 10) },
  { head: 'STATE', value: ({ state }) => state },
  { head: 'COUNT', value: ({ count }) => count, right: true },
  { head: 'BEHAVIOUR', value: behaviourText, cut: true },
]

const diffColumns: readonly Column<SignedRow>[] = [
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

interface ShowOptions {
  readonly derived?: true
  readonly names?: true
}

const namesHelp = 'list each name of a place, and each file of a folder, in a separate line'

const derivedHelp = "also list the reads that follow from the image's own files"
/** Rows of one page: some milliseconds of the agent's time. */
const pageRows = 200

async function wholeProfile(client: AgentClient, ref: string): Promise<ProfileView> {
  let whole: ProfileView | undefined
  for await (const page of client.pages<ProfileView>(imagePath(ref, '/profile'), pageRows)) {
    whole =
      whole === undefined
        ? page
        : { version: page.version, behaviours: [...whole.behaviours, ...page.behaviours] }
  }
  if (whole === undefined) throw new SnugError('INTERNAL', 'the agent sent no page of the profile')
  return whole
}

export function profileCommands(program: Command, context: CliContext): void {
  const profile = program
    .command('profile')
    .description('shows and changes the profile of a version')

  profile
    .command('show')
    .description('shows the behaviours of a version with their evidence')
    .argument('<image>', imageHelp)
    .option('--derived', derivedHelp)
    .option('--names', namesHelp)
    .action(async (ref: string, options: ShowOptions) => {
      const view = await wholeProfile(context.client, ref)
      await context.print(view, view.behaviours, () => profileText(view, options, context.io))
    })

  profile
    .command('diff')
    .description('shows the behaviours that two versions do not share')
    .argument('<from>', imageHelp)
    .argument('<to>', imageHelp)
    .option('--derived', derivedHelp)
    .option('--names', namesHelp)
    .action(async (from: string, to: string, { derived: shows, names }: ShowOptions) => {
      const query = `/diff?to=${encodeURIComponent(to)}`
      const diff = await context.client.get<ProfileDiff>(imagePath(from, query))
      const { added, removed } = diff.derived
      const rows = [
        ...[...diff.added, ...(shows === true ? added : [])].map((row) => ({ sign: '+', ...row })),
        ...[...diff.removed, ...(shows === true ? removed : [])].map((row) => ({
          sign: '-',
          ...row,
        })),
      ]
      const head = `${imageText(diff.from)} to ${imageText(diff.to)}`
      const counts = `${diff.added.length} added, ${diff.removed.length} removed, ${diff.unchanged} unchanged`
      await context.print(diff, rows, () => {
        const lines = names === true ? rows : foldedRows(rows)
        const table = rows.length === 0 ? '' : textTable(diffColumns, lines, context.io)
        const folded = added.length + removed.length
        const more =
          folded === 0 || shows === true
            ? ''
            : `${folded} more reads follow from the files of the images (--derived lists them)\n`
        return `${safeText(`${head}: ${counts}`)}\n${table}${more}`
      })
    })

  profile
    .command('mode')
    .description('sets the mode of a version: how Snug responds to a deviation')
    .argument('<image>', imageHelp)
    .addArgument(new Argument('<mode>', 'what a deviation gets').choices(modes))
    .option(
      '--canary <share>',
      'with block: share of its containers that Snug blocks first',
      parseShare,
    )
    .option(
      '--canary-for <time>',
      'with block: how long Snug blocks only that share, such as `30m`',
      parseFor,
    )
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (ref: string, mode: Mode, { reason, canary, canaryFor }: ModeOptions) => {
      if (mode !== 'block' && (canary ?? canaryFor) !== undefined) {
        throw new SnugError('USAGE', 'a canary requires mode `block`')
      }
      const body = { mode, canary, canaryFor, reason }
      const version = await context.client.send<VersionView>('PUT', `${imagePath(ref)}/mode`, body)
      await printVersion(context, version)
    })

  profile
    .command('class')
    .description('decides whether the set of programs of a version is expected to close')
    .argument('<image>', imageHelp)
    .addArgument(
      new Argument('<class>', '`open`: programs of the image, and installed ones, may run').choices(
        versionClasses,
      ),
    )
    .requiredOption('--reason <text>', 'reason, stored with the decision')
    .action(async (ref: string, to: VersionClass, { reason }: { reason: string }) => {
      const body = { class: to, reason }
      const path = `${imagePath(ref)}/class`
      await printVersion(context, await context.client.send<VersionView>('PUT', path, body))
    })

  reviewQueueCommand(profile, context)
  reviewCommands(profile, context)

  profile
    .command('end-learning')
    .description('ends the learning window of a version now')
    .argument('<image>', imageHelp)
    .action(async (ref: string) => {
      const { client } = context
      const version = await client.send<VersionView>('POST', `${imagePath(ref)}/end-learning`)
      await printVersion(context, version)
    })

  profileTestCommand(profile, context)
}

async function printVersion(context: CliContext, version: VersionView): Promise<void> {
  await context.print(version, [version], () =>
    textFields([
      ['image', imageText(version.image)],
      ['state', versionState(version)],
      ...classFields(version),
      ...blockingFields(version),
    ]),
  )
}

function profileText(
  { version, behaviours }: ProfileView,
  { derived, names }: ShowOptions,
  style: TableStyle,
): string {
  const quarantined = behaviours.filter(({ state }) => state === 'quarantined').length
  const head = textFields([
    ['image', imageText(version.image)],
    ['state', versionState(version)],
    ['coverage', version.coverage.sentence],
    ['losses', lossLines(version.losses)],
    ['quarantine', quarantineText(quarantined)],
    ...inheritedFields(behaviours),
  ])
  const groups = new Map<string, BehaviourView[]>()
  for (const behaviour of behaviours) {
    const actor = actorText(behaviour)
    const rows = groups.get(actor) ?? []
    rows.push(behaviour)
    groups.set(actor, rows)
  }
  const tables = [...groups].map(([actor, rows]) => {
    const own = derived === true ? rows : rows.filter(({ state }) => state !== 'derived')
    const listed = names === true ? own : own.filter(({ within }) => within === undefined)
    const table = listed.length === 0 ? '' : textTable(behaviourColumns, listed, style)
    const more = namesText(own.length - listed.length) + derivedText(rows.length - own.length)
    return `\n${safeText(actor)}\n${table}${more}`
  })
  return head + tables.join('')
}

/** Where behaviours come from that the version has not shown itself, and until when they are expected. */
function inheritedFields(
  behaviours: readonly BehaviourView[],
): readonly (readonly [string, readonly string[]])[] {
  const counts = new Map<string, number>()
  for (const { inherited, why } of behaviours)
    if (inherited) counts.set(why, (counts.get(why) ?? 0) + 1)
  if (counts.size === 0) return []
  return [['not shown', [...counts].map(([why, count]) => `${count} ${why}`)]]
}

function derivedText(count: number): string {
  if (count === 0) return ''
  const reads = count === 1 ? '1 read' : `${count} reads`
  return `${reads} of files that come with it in the image (--derived lists them)\n`
}

function namesText(count: number): string {
  if (count === 0) return ''
  return `${count === 1 ? '1 name' : `${count} names`} in these places (--names lists them)\n`
}

/** Names the guardrails that fired on it, even if another container showed it without; and whether it is only inherited. */
function behaviourText({ text, guardrails, inherited }: BehaviourView): string {
  const notes = [...guardrails, ...(inherited ? ['not shown'] : [])]
  return notes.length === 0 ? text : `${text} [${notes.join(', ')}]`
}

function actorText({ actor, uid }: BehaviourView): string {
  const via = actor.script === undefined ? '' : ` (run by ${actor.exe})`
  return `${actor.script ?? actor.exe}${via}, ${userText(uid)}`
}
