import type {
  AlertPage,
  AlertRow,
  BehaviourPage,
  LifeView,
  PageViews,
  PictureView,
  ReviewPage,
  TimelineView,
} from '../../src/flow/page-views/page-views.ts'
import type { Alert } from '../../src/event/alert.ts'
import type { BehaviourView } from '../../src/flow/engine-views.ts'

const time = '2026-11-24T13:40:27.123456Z'
const repository = 'registry.local/shop/web'
const ref = `${repository}@sha256:${'a1'.repeat(32)}`
const mark = { time, what: 'mode', who: 'cli:root', image: ref, text: 'mode alert' }
const stage = { state: 'learning', mode: 'learn', from: time, because: 'the first look' } as const

const timeline: TimelineView = {
  from: time,
  to: time,
  sliceMs: 900_000,
  slices: [{ from: time, alerts: { low: 0, medium: 0, high: 1, critical: 0 }, novel: 12, lost: 0 }],
  marks: [mark],
}

const lives: readonly LifeView[] = [
  {
    ref,
    digest: `sha256:${'a1'.repeat(32)}`,
    tags: ['1.4'],
    from: time,
    stages: [stage],
    marks: [mark],
  },
]

const picture: PictureView = {
  programs: [
    {
      exe: '/usr/sbin/nginx',
      users: ['uid 101'],
      acts: [
        { group: 'read', total: 1, shown: [{ id: 'b-7', text: '/etc/passwd', state: 'learned' }] },
      ],
      open: 0,
    },
  ],
  runs: [{ from: 0, to: 0, id: 'b-1', state: 'learned', drift: false }],
  peers: [
    {
      protocol: 'tcp',
      peer: '10.0.0.7',
      port: 5432,
      direction: 'out',
      programs: [0],
      count: 3,
      state: 'pending',
    },
  ],
  left: { programs: 0, peers: 0 },
}

const review: ReviewPage = {
  total: 1,
  offset: 0,
  cards: [
    {
      key: `${repository} b-9`,
      repository,
      behaviour: 'b-9',
      actor: '/usr/sbin/nginx',
      user: 'uid 101',
      kind: 'exec',
      text: 'run /bin/sh',
      places: [
        {
          ref,
          tags: ['1.4'],
          state: 'enforced',
          mode: 'alert',
          revision: 'r1',
          behaviourState: 'pending',
          containers: 1,
          count: 3,
        },
      ],
      origins: ['entrypoint'],
      containers: 1,
      sessions: [],
      count: 3,
      firstSeen: time,
      lastSeen: time,
      guardrails: [],
      reasons: ['`/usr/sbin/nginx` never ran `/bin/sh`'],
      alerts: ['01-a'],
    },
  ],
  versions: [],
  repositories: { [repository]: 1 },
}

function rowOf({ id, severity, type, action, count, process, attack, reasons }: Alert): AlertRow {
  const uid = process?.uid ?? 0
  const what = { text: 'run /bin/sh', actor: '/usr/sbin/nginx', uid, reason: reasons[0] ?? '' }
  const sums = { count, alerts: 1, containers: 1 }
  return {
    id,
    revision: 'r1',
    time,
    lastSeen: time,
    severity,
    type,
    action,
    attack,
    ...what,
    ...sums,
  }
}

/** What the page is drawn from, of an engine that is kept in memory. */
export function samplePage(
  alerts: () => readonly Alert[],
  alert: (id: string) => Alert,
  behaviours: () => readonly BehaviourView[],
): PageViews {
  return {
    timeline: async () => timeline,
    lives: async () => lives,
    picture: () => picture,
    behaviours: (_, { offset }): BehaviourPage => {
      const rows = behaviours()
      return { total: rows.length, offset, rows, kinds: { file: 1 }, states: { learned: 1 } }
    },
    review: () => review,
    alertRows: ({ offset }): AlertPage => ({
      total: alerts().length,
      offset,
      rows: alerts().map(rowOf),
      severities: { low: 1, medium: 0, high: 1, critical: 0 },
      repositories: { [repository]: 2 },
    }),
    story: (id) => ({
      alert: alert(id),
      revision: 'r1',
      ancestry: [{ exe: '/usr/sbin/nginx', known: true }],
      scope: 'container',
      steps: [{ time, kind: 'exec', text: 'run /bin/sh', actor: '/usr/sbin/nginx', count: 3 }],
      left: { before: 0, after: 0 },
      alike: 0,
      inProfile: true,
    }),
  }
}
