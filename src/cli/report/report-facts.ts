import { SnugError } from '../../errors.ts'
import type { Alert } from '../../core/event/alert.ts'
import type { BehaviourKind } from '../../core/event/event-words.ts'
import { imageKey } from '../../core/event/image-key.ts'
import type { BehaviourPage } from '../../api/page-views.ts'
import type { BehaviourView } from '../../api/profile-views.ts'
import type { AuditCheckView, AuditView } from '../../api/review-views.ts'
import type { SinkView } from '../../api/sink-view.ts'
import type { StatusView } from '../../api/status-views.ts'
import type { LineageView, VersionView } from '../../api/version-views.ts'
import { type AgentClient } from '../agent-client.ts'
import { imagePath } from '../../api/image-path.ts'
import type { EvidenceKind } from './framework.ts'

/** Both epoch milliseconds. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface VersionFacts {
  readonly view: VersionView
  /** Of the kinds that the report lists. */
  readonly behaviours: readonly BehaviourView[]
}

/** What the agent has on record for the span, in the shapes of its API. */
export interface ReportFacts {
  readonly status: StatusView
  readonly versions: readonly VersionFacts[]
  readonly alerts: readonly Alert[]
  /** All entries that are kept, newest first. */
  readonly audit: readonly AuditView[]
  readonly check: AuditCheckView
  readonly sinks: readonly SinkView[]
}

const rowsAtOnce = 1_000
const lineagesAtOnce = 100
const behavioursAtOnce = 500

const listed: Partial<Record<EvidenceKind, readonly BehaviourKind[]>> = {
  functions: ['exec', 'listen'],
  capabilities: ['capability'],
}

/** Whether the times, RFC 3339, have a moment in common with the span. */
export function isWithin(first: string, last: string, { from, to }: Span): boolean {
  return Date.parse(first) <= to && Date.parse(last) >= from
}

/** Errors: those of the client. */
export async function reportFacts(
  client: AgentClient,
  span: Span,
  kinds: ReadonlySet<EvidenceKind>,
): Promise<ReportFacts> {
  const behaviourKinds = [...kinds].flatMap((kind) => listed[kind] ?? [])
  const versions: VersionFacts[] = []
  for (const repository of await repositories(client)) {
    versions.push(...(await versionsOf(client, repository, span, behaviourKinds)))
  }
  const alerts = await all<Alert>(client, '/v1/alerts', rowsAtOnce)
  return {
    status: await client.get<StatusView>('/v1/status'),
    versions,
    // The alert of a storm stands for others, which are on the list themselves.
    alerts: alerts.filter(
      ({ summary, firstSeen, lastSeen }) =>
        summary === undefined && isWithin(firstSeen, lastSeen, span),
    ),
    audit: await all<AuditView>(client, '/v1/audit', rowsAtOnce),
    check: await client.get<AuditCheckView>('/v1/audit/verify'),
    sinks: await client.get<readonly SinkView[]>('/v1/sinks'),
  }
}

async function all<T>(client: AgentClient, path: string, rows: number): Promise<readonly T[]> {
  const found: T[] = []
  for await (const page of client.pages<readonly T[]>(path, rows)) found.push(...page)
  return found
}

async function repositories(client: AgentClient): Promise<readonly string[]> {
  const lineages = await all<LineageView>(client, '/v1/images', lineagesAtOnce)
  return lineages.map(({ repository }) => repository)
}

/** With their evidence, which the list of all lineages leaves out. */
async function versionsOf(
  client: AgentClient,
  repository: string,
  span: Span,
  kinds: readonly BehaviourKind[],
): Promise<readonly VersionFacts[]> {
  try {
    const { versions } = await client.get<LineageView>(imagePath(repository))
    const facts: VersionFacts[] = []
    for (const view of versions.filter((version) => hasRun(version, span))) {
      facts.push({ view, behaviours: await behavioursOf(client, view, kinds) })
    }
    return facts
  } catch (error) {
    // Retention removed it meanwhile.
    if (error instanceof SnugError && error.code === 'IMAGE_UNKNOWN') return []
    throw error
  }
}

function hasRun({ firstSeen, lastSeen, containers }: VersionView, span: Span): boolean {
  return isWithin(firstSeen, containers.running > 0 ? new Date().toISOString() : lastSeen, span)
}

async function behavioursOf(
  client: AgentClient,
  { image }: VersionView,
  kinds: readonly BehaviourKind[],
): Promise<readonly BehaviourView[]> {
  const rows: BehaviourView[] = []
  const path = imagePath(imageKey(image), '/behaviours')
  for (const kind of kinds) {
    let total = 1
    for (let offset = 0; offset < total; offset += behavioursAtOnce) {
      const query = `kind=${kind}&offset=${offset}&limit=${behavioursAtOnce}`
      const page = await client.get<BehaviourPage>(`${path}?${query}`)
      rows.push(...page.rows)
      total = page.total
    }
  }
  return rows
}
