import type { Command } from 'commander'
import { readYamlFile } from '../../support/config/yaml-file.ts'
import { SnugError } from '../../errors.ts'
import type { BackTestResult, BackTestRow } from '../../api/profile-views.ts'
import type { AttackRow, EditTestResult, EditTestRow } from '../../api/review-views.ts'
import { imagePath } from '../../api/image-path.ts'
import { userText } from '../../core/behaviour/user.ts'
import type { ImageRef } from '../../core/event/event.ts'
import { shaperOf } from '../../core/match/guardrail.ts'
import { Profile } from '../../core/profile/profile.ts'
import { contrastOf } from '../../ci/gate/contrast.ts'
import type { Contrast, Representative } from '../../supplychain/findings/finding.ts'
import { representativeOf } from '../../ci/gate/representative.ts'
import { loadRules } from '../../support/config/load-rules.ts'
import { profileInput } from '../input/profile-input.ts'
import {
  contrastOption,
  representativeOption,
  type TrialOptions,
  trialsOf,
} from '../input/profile-trials.ts'
import { attacksText, requiredText } from '../output/gate-text.ts'
import { imageText } from '../output/view-text.ts'
import type { CliContext } from '../cli-context.ts'
import { openInput } from '../input/event-input.ts'
import { rejectedExit, reportRejected } from '../output/rejected-lines.ts'
import { withProgress } from '../output/progress.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

interface Options extends TrialOptions {
  readonly events?: string
  readonly edit?: string
  readonly allow?: string[]
  readonly reject?: string[]
}

const eventColumns: readonly Column<BackTestRow>[] = [
  { head: 'LINE', value: ({ line }) => line, right: true },
  { head: 'VERDICT', value: ({ outcome }) => outcome },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'BEHAVIOUR', value: ({ text }) => text, cut: true },
  { head: 'COUNT', value: ({ count }) => count, right: true },
]

const actColumns: readonly Column<EditTestRow>[] = [
  { head: 'ID', value: ({ id }) => id.slice(0, 10) },
  { head: 'COUNT', value: ({ count }) => count, right: true },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'ORIGIN', value: ({ origin }) => origin },
  { head: 'BEHAVIOUR', value: ({ text, literal }) => literal ?? text, cut: true },
]

const attackColumns: readonly Column<AttackRow>[] = [
  { head: 'ATTACK', value: ({ name }) => name },
  { head: 'ATT&CK', value: ({ attack }) => attack.join(' ') },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'WITHOUT THE EDIT', value: ({ already }) => (already ? 'expected too' : 'a deviation') },
]

export function profileTestCommand(profile: Command, context: CliContext): void {
  profile
    .command('test')
    .description(
      'judges recorded events against a profile, tries an edit of the profile on stored events and recorded attacks, or tries the profile itself. Changes nothing. Exits with 2 on deviations, if an attack would pass, or if something that must have been seen was not; with 3 on invalid lines',
    )
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .option('--events <file>', 'events as NDJSON; `-` reads standard input')
    .option('--edit <file>', 'decisions to try, as YAML or JSON: `allow`, `reject`, `forget`')
    .option('--allow <id...>', 'tries to approve these behaviours')
    .option('--reject <id...>', 'tries to reject these behaviours')
    .option(...contrastOption)
    .option(...representativeOption)
    .action(async (ref: string, options: Options) => {
      const { events, edit, allow, reject, contrast, representative } = options
      const edits = edit ?? allow ?? reject
      const trials = contrast ?? representative
      if ([events, edits, trials].filter((each) => each !== undefined).length !== 1) {
        throw new SnugError(
          'USAGE',
          'pass either `--events`; or `--edit`, `--allow` and `--reject`; or `--contrast` and `--representative`',
        )
      }
      if (events !== undefined) await testEvents(context, ref, events)
      else if (edits !== undefined) await testEdit(context, ref, editOf(edit, allow, reject))
      else await testProfile(context, ref, options)
    })
}

/** The answer of `--contrast` and `--representative`. */
interface ProfileTrial {
  readonly schema: 'snug.profile-trial/v1'
  readonly image: ImageRef
  readonly passed: boolean
  readonly contrast?: Contrast
  readonly representative?: Representative
}

async function testProfile(context: CliContext, ref: string, options: Options): Promise<void> {
  const { attacks, requirements } = trialsOf(options)
  const { image, behaviours, recordings } = await profileInput(context, ref, undefined)
  const profile = Profile.load(behaviours, shaperOf(loadRules()))
  const contrast =
    attacks === undefined ? {} : { contrast: contrastOf(profile, attacks, Date.now()) }
  const representative =
    requirements === undefined
      ? {}
      : { representative: representativeOf(requirements, profile, recordings) }
  const found = { ...contrast, ...representative }
  const passed = (found.contrast?.blind ?? 0) + (found.representative?.missing.length ?? 0) === 0
  const trial: ProfileTrial = { schema: 'snug.profile-trial/v1', image, passed, ...found }
  await context.print(trial, [trial], () => trialText(trial))
  if (!passed) context.exit = 2
}

function trialText({ image, contrast, representative }: ProfileTrial): string {
  const blind = (contrast?.attacks ?? []).flatMap(({ name, attack, actors }) =>
    actors.map(
      ({ actor, uid }) => `would pass: ${name} (${attack.join(' ')}) by ${actor}, ${userText(uid)}`,
    ),
  )
  const missing = (representative?.missing ?? []).map((what) => `not seen: ${what}`)
  const lines = [...blind, ...missing].map((line) => `${safeText(line)}\n`)
  return [
    textFields([
      ['image', imageText(image)],
      ...(contrast === undefined ? [] : [['attacks', attacksText(contrast)] as const]),
      ...(representative === undefined
        ? []
        : [['required', requiredText(representative)] as const]),
    ]),
    ...(lines.length === 0 ? [] : ['\n', ...lines]),
  ].join('')
}

async function testEvents(context: CliContext, ref: string, events: string): Promise<void> {
  const input = await openInput(events, context.io)
  const path = imagePath(ref, '/test')
  const { client, io } = context
  const result = await withProgress(io, input, () =>
    client.upload<BackTestResult>(path, input, io.signal),
  )
  await context.print(result, result.rows, () => eventsText(result, context.io))
  reportRejected(context.io, result)
  context.exit = rejectedExit(result)
}

async function testEdit(context: CliContext, ref: string, edit: object): Promise<void> {
  const path = imagePath(ref, '/test-edit')
  const result = await context.client.send<EditTestResult>('POST', path, edit)
  const rows = [
    ...result.fires.map((row) => ({ what: 'fires', ...row })),
    ...result.quiets.map((row) => ({ what: 'quiets', ...row })),
    ...result.attacks.map((row) => ({ what: 'attack', ...row })),
  ]
  await context.print(result, rows, () => editText(result, context.io))
  if (result.attacks.length > 0) context.exit = 2
}

/** The file's decisions with those of the flags; what the file holds the agent checks. */
function editOf(file: string | undefined, allow: string[] = [], reject: string[] = []): object {
  const codes = { unreadable: 'SOURCE_UNREADABLE', invalid: 'BODY_INVALID' } as const
  const value = file === undefined ? {} : (readYamlFile(file, codes).value ?? {})
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw new SnugError('BODY_INVALID', `\`${file}\` holds no decisions`)
  }
  const edit: Readonly<Record<string, unknown>> = { ...value }
  return { ...edit, ...joined('allow', edit, allow), ...joined('reject', edit, reject) }
}

function joined(name: string, edit: Readonly<Record<string, unknown>>, ids: string[]): object {
  const own = edit[name]
  if (ids.length === 0) return {}
  return { [name]: [...(Array.isArray(own) ? (own as unknown[]) : []), ...ids] }
}

function eventsText(result: BackTestResult, style: TableStyle): string {
  const { events, expected, deviations, unprofiled, rejectedCount, rows } = result
  const sum = `${events} events: ${expected} expected, ${deviations} deviations, ${unprofiled} unprofiled, ${rejectedCount} rejected\n`
  if (rows.length === 0) return sum
  const reasons = rows.flatMap(({ line, reasons: why }) =>
    why.map((reason) => `line ${line}: ${safeText(reason)}\n`),
  )
  return `${sum}\n${textTable(eventColumns, rows, style)}\n${reasons.join('')}`
}

function editText(result: EditTestResult, style: TableStyle): string {
  const { judged, fires, quiets, still, permissive, attacks, attacksTried } = result
  const { before, after } = permissive
  const head = textFields([
    ['judged', `${judged} different events on record; ${still} are deviations with and without it`],
    ['would fire', `${fires.length}`],
    ['would not', `${quiets.length} that fire now`],
    ['allows', `${after.allowed} behaviours, ${before.allowed} before`],
    ['patterns', `${after.patterns}, ${before.patterns} before`],
    [
      'attacks',
      `${after.attacks} would be expected, ${before.attacks} before; ${attacksTried} tried`,
    ],
  ])
  const part = (title: string, table: string): string => `\n${title}\n${table}`
  return [
    head,
    fires.length === 0 ? '' : part('would fire', textTable(actColumns, fires, style)),
    quiets.length === 0
      ? ''
      : part('would not fire any more', textTable(actColumns, quiets, style)),
    attacks.length === 0
      ? ''
      : part('attacks that would be expected', textTable(attackColumns, attacks, style)),
  ].join('')
}
