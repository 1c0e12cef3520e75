import { plural } from '../../core/coverage/coverage.ts'
import { type BehaviourKind, behaviourKinds } from '../../core/event/event-words.ts'
import { modes, versionStates } from '../../core/lifecycle/mode.ts'
import { imageText, percent } from '../output/view-text.ts'
import { columns, imageCells, type Section, unobserved } from './evidence-parts.ts'
import type { ReportFacts, VersionFacts } from './report-facts.ts'
import type { EvidenceTable } from './report-schema.ts'

export function images({ versions }: ReportFacts): Section {
  const views = versions.map(({ view }) => view)
  const numberOf = (what: string, is: (view: (typeof views)[number]) => boolean): string =>
    `${what} ${views.filter(is).length}`
  const running = views.reduce((sum, { containers }) => sum + containers.running, 0)
  return {
    title: 'Images and coverage',
    statements: [
      `${plural(views.length, 'version')} of images ran in the period, and ${plural(running, 'container')} of them run now.`,
      `Modes now: ${modes.map((one) => numberOf(one, ({ mode }) => mode === one)).join(', ')}.`,
      `States now: ${versionStates.map((one) => numberOf(one, ({ state }) => state === one)).join(', ')}.`,
    ],
    gaps: [
      ...(views.length === 0 ? ['No image ran in the period.'] : []),
      ...views.flatMap((view) => {
        const name = imageText(view.image)
        const { running: _, before } = view.containers
        return [
          ...(view.mode === 'learn'
            ? [`\`${name}\` learns: only guardrails raise alerts about what it does.`]
            : []),
          ...(view.state === 'incomplete'
            ? [`The profile of \`${name}\` is incomplete: ${view.because}.`]
            : []),
          ...(before > 0
            ? [`Of \`${name}\`, ${plural(before, 'container')} ran before the agent did.`]
            : []),
        ]
      }),
      ...unobserved(versions, behaviourKinds),
      ...undecided(versions),
    ],
    tables: [
      {
        title: 'Versions',
        columns: columns({
          image: 'Image',
          digest: 'Digest',
          mode: 'Mode',
          state: 'State',
          behaviours: 'Behaviours',
          pending: 'To decide',
          containers: 'Containers seen',
          unseen: 'Next one is new, at most',
          losses: 'Losses',
        }),
        rows: views.map((view) => ({
          ...imageCells(view),
          mode: view.mode,
          state: view.state,
          behaviours: view.behaviours,
          pending: view.pending,
          containers: view.containers.seen,
          unseen: percent(view.coverage.bound),
          losses: view.losses.length,
        })),
      },
    ],
  }
}

export function functions({ versions }: ReportFacts): Section {
  return {
    title: 'Programs and ports in use',
    statements: [
      `Snug lists the programs that ran and the ports that were opened, in ${plural(versions.length, 'version')}.`,
    ],
    gaps: [...unobserved(versions, ['exec', 'listen']), ...undecided(versions)],
    tables: [behaviourTable('Programs and ports', versions, ['exec', 'listen'])],
  }
}

export function capabilities({ versions }: ReportFacts): Section {
  return {
    title: 'Capabilities in use',
    statements: [
      `Snug lists the capabilities that processes used, in ${plural(versions.length, 'version')}.`,
      'A capability that a container has and does not use is not on the list.',
    ],
    gaps: [...unobserved(versions, ['capability']), ...undecided(versions)],
    tables: [behaviourTable('Capabilities', versions, ['capability'])],
  }
}

export function rootUse({ versions }: ReportFacts): Section {
  const rows = versions.map(({ view }) => ({
    ...imageCells(view),
    verdict: view.root?.verdict ?? 'unknown',
    because: view.root?.sentence ?? 'there is no evidence',
  }))
  return {
    title: 'Use of root',
    statements: [
      `Of ${plural(rows.length, 'version')}, ${rows.filter(({ verdict }) => verdict === 'not-root').length} ran nothing as root.`,
    ],
    gaps: rows
      .filter(({ verdict }) => verdict !== 'not-root')
      .map(({ image, because }) => `\`${image}\` ${because}.`),
    tables: [
      {
        title: 'Root, by version',
        columns: columns({
          image: 'Image',
          digest: 'Digest',
          verdict: 'Finding',
          because: 'Reason',
        }),
        rows,
      },
    ],
  }
}

function behaviourTable(
  title: string,
  versions: readonly VersionFacts[],
  kinds: readonly BehaviourKind[],
): EvidenceTable {
  const wanted: ReadonlySet<string> = new Set(kinds)
  return {
    title,
    columns: columns({
      image: 'Image',
      actor: 'Program',
      what: 'What it does',
      state: 'State',
      count: 'Times',
    }),
    rows: versions.flatMap(({ view, behaviours }) =>
      behaviours
        .filter(({ kind }) => wanted.has(kind))
        .map(({ actor, text, state, count }) => ({
          image: imageText(view.image),
          actor: actor.script ?? actor.exe,
          what: text,
          state,
          count,
        })),
    ),
  }
}

function undecided(versions: readonly VersionFacts[]): readonly string[] {
  return versions
    .filter(({ view }) => view.pending > 0)
    .map(({ view }) => {
      const what = plural(view.pending, 'behaviour')
      return `Nobody decided on ${what} of \`${imageText(view.image)}\`.`
    })
}
