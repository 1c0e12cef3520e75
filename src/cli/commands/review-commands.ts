import type { Command } from 'commander'
import { SnugError } from '../../errors.ts'
import type { DecisionResult } from '../../api/profile-views.ts'
import type {
  CardDecisionResult,
  ForgetResult,
  ForgottenRow,
  IncidentResult,
} from '../../api/review-views.ts'
import { imagePath } from '../../api/image-path.ts'
import { bulk, type BulkOptions, dryRunHelp, yesHelp } from '../bulk.ts'
import { cardNamed, decideCard } from '../card-client.ts'
import { confirm } from '../input/confirm.ts'
import type { CliContext } from '../cli-context.ts'
import { parseMoment } from '../input/option-values.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { imageText, versionState } from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

interface ApproveOptions extends BulkOptions {
  readonly behaviour?: string[]
  readonly card?: string
  readonly quarantined?: true
  readonly allScopes?: true
  readonly reason?: string
}

interface RejectOptions extends BulkOptions {
  readonly behaviour?: string[]
  readonly card?: string
  readonly reason?: string
}

interface WithdrawOptions extends BulkOptions {
  readonly behaviour: string[]
  readonly reason?: string
}

interface IncidentOptions extends BulkOptions {
  readonly session: string
  readonly reason: string
}

interface ForgetOptions extends BulkOptions {
  readonly container?: string
  readonly session?: string
  readonly between?: string[]
  readonly reason?: string
}

const forgottenColumns: readonly Column<ForgottenRow>[] = [
  { head: 'ID', value: ({ id }) => id.slice(0, 10) },
  { head: 'ACTOR', value: ({ actor }) => actor, cut: true },
  { head: 'UID', value: ({ uid }) => uid, right: true },
  { head: 'BEHAVIOUR', value: ({ text }) => text, cut: true },
]

const cardHelp = 'all behaviours of this card, by its id in `snug profile review`'
const oneOf = 'pass one of `--behaviour` and `--card`'
export const imageHelp = 'repository, repository:tag or repository@sha256:…'

/** The decisions on behaviours, as commands of `profile`. */
export function reviewCommands(profile: Command, context: CliContext): void {
  profile
    .command('approve')
    .alias('allow')
    .description(
      'approves behaviours that wait for review. Without --behaviour or --card these are all of them, except those in quarantine',
    )
    .argument('<image>', imageHelp)
    .option('--behaviour <id...>', 'only these behaviours')
    .option('--card <id>', cardHelp)
    .option('--quarantined', 'also behaviours that a guardrail holds in quarantine')
    .option(
      '--all-scopes',
      'also for the image in all other namespaces or workloads; with --behaviour',
    )
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, options: ApproveOptions) => {
      const { behaviour, card, quarantined, allScopes, reason, dryRun, yes } = options
      if (allScopes === true && behaviour === undefined) {
        throw new SnugError('USAGE', '`--all-scopes` needs `--behaviour`')
      }
      if (card !== undefined) return decideOnCard(context, ref, 'approve', { ...options, card })
      const body = { behaviours: behaviour, quarantined, allScopes, reason }
      const preview = { ...body, dryRun: true }
      if (dryRun === true) return decide(context, 'would approve', ref, '/approve', preview)
      if (behaviour === undefined && yes !== true && context.io.interactive) {
        const path = `${imagePath(ref)}/approve`
        const { data, tag } = await context.client.post<DecisionResult>(path, preview)
        const question = `Approve ${data.decided.length} behaviours of \`${safeText(ref)}\`?`
        await confirm(context.io, question, false)
        return decide(context, 'approved', ref, '/approve', body, tag)
      }
      await decide(context, 'approved', ref, '/approve', body)
    })

  profile
    .command('reject')
    .description('rejects behaviours: they stay deviations, also in later versions')
    .argument('<image>', imageHelp)
    .option('--behaviour <id...>', 'which')
    .option('--card <id>', cardHelp)
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, options: RejectOptions) => {
      const { behaviour, card, reason, dryRun } = options
      if (card !== undefined) return decideOnCard(context, ref, 'reject', { ...options, card })
      if (behaviour === undefined) throw new SnugError('USAGE', oneOf)
      const body = { behaviours: behaviour, reason }
      if (dryRun === true) {
        return decide(context, 'would reject', ref, '/reject', { ...body, dryRun })
      }
      await decide(context, 'rejected', ref, '/reject', body)
    })

  profile
    .command('undo')
    .description('undoes decisions on behaviours: only the evidence counts again')
    .argument('<image>', imageHelp)
    .requiredOption('--behaviour <id...>', 'which')
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .action(async (ref: string, { behaviour, reason, dryRun }: WithdrawOptions) => {
      const body = { behaviours: behaviour, reason }
      if (dryRun === true) {
        return decide(context, 'would withdraw', ref, '/withdraw', { ...body, dryRun })
      }
      await decide(context, 'withdrawn', ref, '/withdraw', body)
    })

  profile
    .command('forget')
    .description('removes evidence, as if Snug had never observed it')
    .argument('<image>', imageHelp)
    .option('--container <id>', 'evidence of this container, by name or id')
    .option('--session <id>', 'evidence of this exec session')
    .option(
      '--between <time...>',
      'evidence between two times, RFC 3339 or ago such as `2h`. Old evidence is removed in whole time buckets; the output shows the exact span',
    )
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, { reason, dryRun, yes, ...options }: ForgetOptions) => {
      const body = { what: whatOf(options), reason }
      const run = (change: object, tag?: string) =>
        context.client.post<ForgetResult>(`${imagePath(ref)}/forget`, change, tag)
      await bulk({ context, run, body, dryRun, yes }, forgetText, ({ gone, acts }) => ({
        rows: gone,
        question: `Forget ${acts} events and ${gone.length} behaviours of \`${safeText(ref)}\`?`,
      }))
    })

  profile
    .command('incident')
    .description(
      'records an incident: removes the evidence of an exec session and rejects behaviours that only it showed',
    )
    .argument('<image>', imageHelp)
    .requiredOption(
      '--session <id>',
      'id of the `docker exec` or `kubectl exec` session, from its alerts',
    )
    .requiredOption('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, { dryRun, yes, ...body }: IncidentOptions) => {
      const run = (change: object, tag?: string) =>
        context.client.post<IncidentResult>(`${imagePath(ref)}/incident`, change, tag)
      await bulk({ context, run, body, dryRun, yes }, incidentText, ({ rejected, alerts }) => ({
        rows: rejected,
        question: `Reject ${rejected.length} behaviours and ${alerts.length} alerts of this session?`,
      }))
    })
}

interface CardOptions extends BulkOptions {
  readonly card: string
  readonly behaviour?: string[]
  readonly quarantined?: true
  readonly reason?: string
}

/** What is decided on is what was listed under this id, and still waits. */
async function decideOnCard(
  context: CliContext,
  image: string,
  decision: 'approve' | 'reject',
  { card: id, behaviour, quarantined, reason, dryRun, yes }: CardOptions,
): Promise<void> {
  if (behaviour !== undefined) throw new SnugError('USAGE', oneOf)
  const { client } = context
  const card = await cardNamed(client, id)
  const what = `${card.actor} ${card.text}`
  const body = {
    decision,
    ...(quarantined === undefined ? {} : { quarantined }),
    ...(reason === undefined ? {} : { reason }),
  }
  // The places of the card name the state that a person saw.
  const run = async (change: object) => ({
    data: await decideCard(client, image, card, { ...body, ...change }),
    tag: undefined,
  })
  await bulk({ context, run, body: {}, dryRun, yes }, cardText(decision, what), ({ decided }) => {
    const number = new Set(decided.flatMap(({ behaviours }) => behaviours)).size
    const verb = decision === 'approve' ? 'Approve' : 'Reject'
    return { rows: decided, question: `${verb} ${number} behaviours?` }
  })
}

function cardText(decision: string, what: string): (result: CardDecisionResult) => string {
  return ({ decided }) =>
    textFields([
      [decision, what],
      ...decided.map(
        ({ ref, behaviours }) => ['in', `${ref}: ${behaviours.length} behaviours`] as const,
      ),
    ])
}

async function decide(
  context: CliContext,
  done: string,
  image: string,
  step: string,
  body: object,
  tag?: string,
): Promise<void> {
  const path = `${imagePath(image)}${step}`
  const { data: result } = await context.client.post<DecisionResult>(path, body, tag)
  const { decided, quarantined, version } = result
  await context.print(result, decided, () =>
    textFields([
      [done, `${decided.length} behaviours of ${imageText(version.image)}`],
      ['state', versionState(version)],
      ['quarantine', quarantineText(quarantined)],
    ]),
  )
}

export function quarantineText(count: number): string {
  if (count === 0) return 'empty'
  return `${count} behaviours on which a guardrail fired: \`approve --quarantined\`, or reject them`
}

function whatOf({ container, session, between }: ForgetOptions): object {
  const given = [container, session, between].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw new SnugError('USAGE', 'pass one of `--container`, `--session` and `--between`')
  }
  if (between === undefined) return container === undefined ? { session } : { container }
  const [from, to, ...more] = between
  if (from === undefined || to === undefined || more.length > 0) {
    throw new SnugError('USAGE', '`--between` needs two times')
  }
  return { between: { from: parseMoment(from), to: parseMoment(to) } }
}

function forgetText(result: ForgetResult, style: TableStyle): string {
  const { gone, lessened, version } = result
  const head = textFields([
    ['image', imageText(version.image)],
    ['forgotten', actsText(result)],
    ['vanished', `${gone.length} behaviours`],
    ['lessened', `${lessened.length} behaviours`],
    ['state', versionState(version)],
  ])
  return gone.length === 0 ? head : `${head}\n${textTable(forgottenColumns, gone, style)}`
}

function incidentText(result: IncidentResult, style: TableStyle): string {
  const { rejected, lessened, alerts, version } = result
  const head = textFields([
    ['image', imageText(version.image)],
    ['forgotten', actsText(result)],
    ['rejected', `${rejected.length} behaviours without other evidence`],
    ['lessened', `${lessened.length} behaviours`],
    ['alerts', `${alerts.length} decided as part of it`],
  ])
  return rejected.length === 0 ? head : `${head}\n${textTable(forgottenColumns, rejected, style)}`
}

function actsText({ acts, from, to }: ForgetResult): string {
  return from === undefined || to === undefined
    ? 'nothing'
    : `${acts} events, from ${from} to ${to}`
}
