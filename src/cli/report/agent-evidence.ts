import { plural } from '../../core/coverage/coverage.ts'
import type { Alert } from '../../core/event/alert.ts'
import type { AuditView } from '../../api/review-views.ts'
import { imageText } from '../output/view-text.ts'
import { columns, entriesIn, imageCells, type Section } from './evidence-parts.ts'
import type { ReportFacts, Span } from './report-facts.ts'
import type { EvidenceTable } from './report-schema.ts'

export function monitoring({ status, sinks }: ReportFacts): Section {
  const bad = sinks.filter(({ state }) => state === 'failing')
  const dropped = sinks.filter(({ givenUp }) => givenUp > 0)
  return {
    title: 'Monitoring',
    statements: [
      `The agent runs since ${status.startedAt} in the state ${status.state}.`,
      `It reads ${plural(status.sources.length, 'source')} and sends alerts to ${plural(sinks.length, 'sink')}.`,
      'The state is that of now: the agent keeps no history of it.',
    ],
    gaps: [
      ...status.degraded.map((why) => `The agent is degraded: ${why}.`),
      ...status.sources
        .filter(({ state }) => state !== 'running')
        .map(({ name, state }) => `The source \`${name}\` is in the state ${state}.`),
      ...(sinks.length === 0
        ? ['No sink is configured: alerts stay on the node until a person reads them.']
        : []),
      ...bad.map(({ name }) => `The sink \`${name}\` does not accept alerts now.`),
      ...dropped.map(
        ({ name, givenUp }) => `The sink \`${name}\` never got ${plural(givenUp, 'record')}.`,
      ),
    ],
    tables: [
      {
        title: 'Sources',
        columns: columns({ name: 'Source', state: 'State', received: 'Events', lost: 'Lost' }),
        rows: status.sources.map(({ name, state, received, lost }) => ({
          name,
          state,
          received,
          lost: Object.values(lost).reduce((sum, count) => sum + count, 0),
        })),
      },
      {
        title: 'Sinks, since the agent started',
        columns: columns({
          name: 'Sink',
          type: 'Type',
          state: 'State',
          delivered: 'Delivered',
          givenUp: 'Given up',
        }),
        rows: sinks.map(({ name, type, state, delivered, givenUp }) => ({
          name,
          type,
          state,
          delivered,
          givenUp,
        })),
      },
    ],
  }
}

const blockingSteps: ReadonlySet<string> = new Set([
  'mode',
  'class',
  'break-glass',
  'break-glass-over',
  'break-glass-end',
  'canary-over',
  'disarmed',
  'profile-failed',
])

export function enforcement(facts: ReportFacts, span: Span): Section {
  const { status, versions, alerts } = facts
  const blocking = versions.flatMap(({ view }) =>
    view.blocking === undefined ? [] : [{ view, blocking: view.blocking }],
  )
  const numberOf = (action: Alert['action']): number =>
    alerts.filter((alert) => alert.action === action).length
  const missed = numberOf('missed')
  const gap = status.enforcementGap
  const open = status.stops.filter(({ how }) => how === 'alerted' || how === 'unseen')
  return {
    title: 'Blocking',
    statements: [
      `${blocking.length} of ${plural(versions.length, 'version')} are in block mode now.`,
      `Alerts of the period by verified action: blocked ${numberOf('blocked')}, killed ${numberOf('killed')}, missed ${missed}.`,
    ],
    gaps: [
      ...(versions.length > blocking.length
        ? [
            `In ${plural(versions.length - blocking.length, 'version')} deviations only raise alerts.`,
          ]
        : []),
      ...(missed > 0
        ? [`${plural(missed, 'deviation')} had an effect though it was to be stopped.`]
        : []),
      ...blocking
        .filter(({ blocking: { armed } }) => !armed)
        .map(
          ({ view }) => `\`${imageText(view.image)}\` is in block mode, and blocks nothing now.`,
        ),
      ...(status.selfProbe?.ok === false ? ['The latest self-test of the sensor failed.'] : []),
      ...(gap === undefined
        ? []
        : [
            `Today a container of \`${gap.image}\` ran ${gap.milliseconds} ms before blocking began.`,
          ]),
      ...(open.length === 0
        ? []
        : [`This host does not stop: ${open.map(({ text }) => text).join(', ')}.`]),
    ],
    tables: [
      {
        title: 'Versions in block mode',
        columns: columns({
          image: 'Image',
          digest: 'Digest',
          armed: 'Blocks now',
          since: 'Since',
          kernel: 'Profile in the kernel',
        }),
        rows: blocking.map(({ view, blocking: { armed, since, kernel } }) => ({
          ...imageCells(view),
          armed: armed ? 'yes' : 'no',
          since,
          kernel: kernel.profile,
        })),
      },
      entryTable(
        'Changes of blocking',
        entriesIn(facts, span).filter(({ what }) => blockingSteps.has(what)),
      ),
    ],
  }
}

export function decisions(facts: ReportFacts, span: Span): Section {
  const entries = entriesIn(facts, span).filter(({ who }) => !/^(agent|kernel)(:|$)/.test(who))
  const authors = new Set(entries.map(({ who }) => who))
  return {
    title: 'Decisions',
    statements: [
      `The audit log has ${plural(entries.length, 'decision')} of the period, by ${plural(authors.size, 'author')}.`,
    ],
    gaps: entries.some(({ who }) => who === 'cli:root')
      ? ['`cli:root` is everyone who can use the admin socket: the log names no person for it.']
      : [],
    tables: [entryTable('Decisions', entries)],
  }
}

export function auditChain(facts: ReportFacts, span: Span): Section {
  const { ok, entries, head, faults } = facts.check
  const first = facts.audit.at(-1)
  return {
    title: 'Audit log',
    statements: [
      ...(ok ? [`The hash chain over its ${entries} entries is unbroken.`] : []),
      `Entries of the period: ${entriesIn(facts, span).length}.`,
      `SHA-256 of the latest entry: ${head}.`,
      'A copy of this value that is kept elsewhere vouches for all entries before it.',
    ],
    gaps: [
      ...(ok ? [] : ['The audit log is damaged or was changed. Its entries prove nothing.']),
      ...faults.map((fault) => `Fault of the audit log: ${fault}.`),
      ...(first !== undefined && first.seq > 1
        ? [`Entries before number ${first.seq} were removed, as the log keeps the newest ones.`]
        : []),
    ],
    tables: [],
  }
}

function entryTable(title: string, entries: readonly AuditView[]): EvidenceTable {
  return {
    title,
    columns: columns({
      seq: 'Number',
      time: 'Time',
      who: 'Author',
      what: 'What',
      of: 'About',
      reason: 'Reason',
    }),
    rows: entries.map((entry) => ({
      seq: entry.seq,
      time: entry.time,
      who: entry.who,
      what: entry.what,
      of: textOf(entry, 'image', 'alert', 'name'),
      reason: textOf(entry, 'reason', 'because'),
    })),
  }
}

function textOf(entry: AuditView, ...members: readonly string[]): string {
  const texts = members.map((member) => entry[member]).filter((text) => typeof text === 'string')
  return texts.join(', ') || '-'
}
