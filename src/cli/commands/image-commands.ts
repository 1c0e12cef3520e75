import { lineageName } from '../../core/event/image-key.ts'
import type { Command } from 'commander'
import type { RemovalResult } from '../../api/review-views.ts'
import type { StateNews } from '../../api/status-views.ts'
import type { EvidenceView, LineageView, ScanView, VersionView } from '../../api/version-views.ts'
import { countsText } from '../../supplychain/findings/package-use.ts'
import { imagePath } from '../../api/image-path.ts'
import { rootLines } from '../../supplychain/export/root-need.ts'
import { bulk, type BulkOptions, dryRunHelp, yesHelp } from '../bulk.ts'
import type { CliContext } from '../cli-context.ts'
import { followLive } from '../follow-live.ts'
import { renderItem } from '../output/output.ts'
import { type Column, textFields, textTable } from '../output/text-table.ts'
import {
  blockingFields,
  classFields,
  imageText,
  lossLines,
  percent,
  shortDigest,
} from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

const columns: readonly Column<VersionView>[] = [
  { head: 'IMAGE', value: ({ image }) => imageText(image), cut: true },
  { head: 'STATE', value: ({ state }) => state },
  { head: 'MODE', value: modeText },
  { head: 'KNOWN', value: ({ behaviours }) => behaviours, right: true },
  { head: 'REVIEW', value: ({ pending }) => pending, right: true },
  { head: 'RUNS', value: ({ containers }) => containers.seen, right: true },
  { head: 'UNSEEN', value: ({ coverage }) => `≤${percent(coverage.bound)}`, right: true },
]

/** Whether it blocks in earnest, and everywhere. */
function modeText({ mode, blocking }: VersionView): string {
  if (blocking === undefined) return mode
  if (!blocking.armed) return `${mode} (off)`
  return blocking.canary === undefined ? mode : `${mode} (canary)`
}

export function imageCommands(program: Command, context: CliContext): void {
  const image = program
    .command('image')
    .description('shows lineages and their versions, and removes versions')

  image
    .command('list')
    .description('lists lineages with the state, mode and coverage of each version')
    .action(async () => {
      const lineages = await context.client.get<readonly LineageView[]>('/v1/images')
      const versions = lineages.flatMap((lineage) => lineage.versions)
      await context.print(lineages, lineages, () => textTable(columns, versions, context.io))
    })

  image
    .command('tail')
    .description('prints changes of versions, losses and the state of the agent until Ctrl-C')
    .option('--image <image>', 'only changes of this image')
    .action(async ({ image: ref }: { image?: string }) => {
      const format = context.format()
      await followLive(context, { topic: 'states', image: ref }, (item) =>
        renderItem(format, item, () => stateLine(item as StateNews)),
      )
    })

  image
    .command('show')
    .description('shows one lineage: each version with its coverage and the holes in its evidence')
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .action(async (ref: string) => {
      const lineage = await context.client.get<LineageView>(imagePath(ref))
      await context.print(lineage, [lineage], () => lineage.versions.map(versionText).join('\n'))
    })

  image
    .command('remove')
    .description(
      'removes one version with its profile, evidence and decisions; refused while it runs or blocks',
    )
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .option('--reason <text>', 'reason, stored with the decision')
    .option('--dry-run', dryRunHelp)
    .option('--yes', yesHelp)
    .action(async (ref: string, { dryRun, yes, ...body }: RemoveOptions) => {
      const run = (change: object, tag?: string) =>
        context.client.post<RemovalResult>(`${imagePath(ref)}/remove`, change, tag)
      await bulk({ context, run, body, dryRun, yes }, removalText, ({ version }) => ({
        rows: [version],
        question: `Remove ${imageText(version.image)} with ${version.behaviours} behaviours?`,
      }))
    })
}

interface RemoveOptions extends BulkOptions {
  readonly reason?: string
}

function removalText({ version, openAlerts }: RemovalResult): string {
  const { image, behaviours, containers } = version
  return textFields([
    ['image', `${lineageName(image)}@${shortDigest(image.digest)}`],
    ['state', `${version.state}, mode ${version.mode}: ${version.because}`],
    ['evidence', `${behaviours} behaviours of ${containers.seen} containers`],
    ['alerts', openAlerts.length === 0 ? 'none open' : `${openAlerts.length} open, which stay`],
  ])
}

function stateLine(news: StateNews): string {
  return `${news.time.slice(0, 19)}Z ${safeText(stateText(news))}\n`
}

function stateText(news: StateNews): string {
  switch (news.kind) {
    case 'version': {
      const { image, state, mode, because, running } = news
      return `${imageText(image)} ${state}, mode ${mode}, ${running} running: ${because}`
    }
    case 'removed':
      return `${imageText(news.image)} removed`
    case 'loss':
      return `${imageText(news.image)} lost ${news.loss.count} (${news.loss.reason}, ${news.source})`
    case 'status':
      return `agent ${news.state}${news.degraded.map((why) => `; ${why}`).join('')}`
  }
}

function versionText(version: VersionView): string {
  const { image, tags, containers, predecessor } = version
  return textFields([
    ['version', `${lineageName(image)}@${shortDigest(image.digest)}`],
    ['tags', tags.length === 0 ? 'none' : tags.join(', ')],
    ['state', `${version.state}, mode ${version.mode}: ${version.because}`],
    ...classFields(version),
    ...blockingFields(version),
    [
      'after',
      predecessor === undefined ? 'first version of its lineage' : shortDigest(predecessor),
    ],
    ['seen', `${version.firstSeen} to ${version.lastSeen}`],
    [
      'containers',
      `${containers.running} running, ${containers.seen} seen, ${containers.before} of them ran before the agent`,
    ],
    ['behaviours', `${version.behaviours}, ${version.pending} wait for review`],
    ['coverage', [version.coverage.sentence, ...(version.evidence?.sentences ?? [])]],
    ...evidenceFields(version.evidence),
    ...(version.root === undefined ? [] : [['root', rootLines(version.root)] as const]),
    ['losses', lossLines(version.losses)],
    ...scanFields(version.scan),
  ])
}

/** What runs is named; of the rest the numbers will do. */
function scanFields(scan: ScanView | undefined): readonly Field[] {
  if (scan === undefined) return []
  const used = (scan.findings ?? []).filter(({ use }) => use === 'in-use')
  const names = used.slice(0, findingsShown).map((one) => {
    return `${one.severity} ${one.id} in ${one.package} ${one.version}: ${one.why}`
  })
  const more = used.length - names.length
  return [
    ['findings', `${countsText(scan.counts)}, reported by ${scan.by} at ${scan.at}`],
    ...(names.length === 0
      ? []
      : [['in use', more === 0 ? names : [...names, `and ${more} more`]] as const]),
  ]
}

const findingsShown = 20

type Field = readonly [string, string | readonly string[]]

function evidenceFields(evidence: EvidenceView | undefined): readonly Field[] {
  if (evidence === undefined) return []
  const { notYetSeen, novelty, intervals, observedMs } = evidence
  const known = novelty.points.at(-1)?.known ?? 0
  const last = novelty.lastNew === undefined ? '' : `, the latest at ${novelty.lastNew}`
  const curve = novelty.curve === '' ? 'none' : `${novelty.curve} ${known} behaviours${last}`
  const hours = (observedMs / 3_600_000).toFixed(1)
  return [
    ['novelty', curve],
    ['observed', `${intervals} ${intervals === 1 ? 'interval' : 'intervals'}, ${hours} h in all`],
    ['not observed yet', notYetSeen.length === 0 ? 'none known' : notYetSeen],
  ]
}
