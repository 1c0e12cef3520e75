import { behaviourKinds } from '../../core/coverage/coverage-report.ts'
import { causeAccesses } from '../../core/event/alert-risk.ts'
import { z } from 'zod'
import type { ExplainedKey } from '../../support/config/explain-config.ts'
import {
  type BackTestResult,
  type BehaviourView,
  type DecisionResult,
  type CostReport,
  type DoctorReport,
  kernelCounts,
  kernelProfileStates,
  type LineageView,
  type ProfileDiff,
  type ProfileView,
  type ReplayResult,
  type StatusView,
  type VersionView,
  modes,
  shownStates,
  stopHows,
  versionStates,
  type HoldView,
} from '../../api/engine-views.ts'
import { holdLevels, holdStates } from '../../core/lifecycle/hold.ts'
import { rootVerdicts } from '../../supplychain/export/root-need.ts'
import { keptScan } from '../../supplychain/findings/kept-scan.ts'
import { imageRef, lossSpan } from '../../api/event-schema.ts'
import { roles } from '../../support/config/role.ts'
import type { TokenHolder } from '../access/token-file.ts'

/** The answers of the API, for its OpenAPI document; each is typed by the facade that it describes. */
export { alert } from '../../api/event-schema.ts'

const text = z.string()
const count = z.number()
const maybe = text.exactOptional()
/** A uid, or the user that image or pod declare. */
export const user = z.union([count, z.literal('declared')])
const texts = z.array(text)
const counts = z.record(text, count)

const evidence = z.object({
  nextContainer: count,
  nextHour: count,
  kinds: z.array(
    z.object({
      kind: text,
      behaviours: count,
      singletons: count,
      nextContainer: count,
      nextHour: count,
    }),
  ),
  phases: z.array(
    z.object({
      phase: z.enum(['start-up', 'shutdown']),
      seen: count,
      singletons: count,
      bound: count,
    }),
  ),
  notYetSeen: texts,
  folders: z.object({ programs: texts, work: texts }).exactOptional(),
  openProposal: maybe,
  sentences: texts,
  novelty: z.object({
    curve: text,
    points: z.array(z.object({ time: text, known: count })),
    lastNew: maybe,
  }),
  kindsObserved: texts,
  intervals: count,
  observedMs: count,
  observed: z.array(z.object({ container: text, from: text, to: text, startSeen: z.boolean() })),
})

const rootItems = z.array(z.object({ take: text, because: z.array(z.object({ id: text, text })) }))
const root = z.object({
  verdict: z.enum(rootVerdicts),
  sentence: text,
  needs: rootItems,
  takes: rootItems,
})

const scan = keptScan.extend({
  at: text,
  by: text,
  findings: keptScan.shape.findings.exactOptional(),
})

export const version: z.ZodType<VersionView> = z.object({
  image: imageRef,
  tags: texts,
  state: z.enum(versionStates),
  mode: z.enum(modes),
  predecessor: maybe,
  firstSeen: text,
  lastSeen: text,
  learningSince: maybe,
  learnedAt: maybe,
  behaviours: count,
  pending: count,
  containers: z.object({ running: count, seen: count, before: count }),
  blind: z.object({ running: count, of: count, reasons: texts }).exactOptional(),
  coverage: z.object({
    units: count,
    unitKind: z.enum(['containers', 'slices']),
    singletons: count,
    unseen: count,
    bound: count,
    sentence: text,
  }),
  losses: z.array(lossSpan),
  because: text,
  notes: texts,
  open: z.object({ by: text, at: text, reason: maybe }).exactOptional(),
  revision: text,
  blocking: z
    .object({
      armed: z.boolean(),
      kernel: z.object({
        profile: z.enum(kernelProfileStates),
        blocks: z.boolean(),
      }),
      since: text,
      disarmedAt: maybe,
      disarmed: z.array(z.enum(behaviourKinds)).exactOptional(),
      canary: z.object({ fraction: count, until: text }).exactOptional(),
      breakGlass: z.object({ until: text, by: text, reason: text }).exactOptional(),
      containers: z.array(z.object({ id: text, name: maybe, enforced: z.boolean(), blind: maybe })),
    })
    .exactOptional(),
  evidence: evidence.exactOptional(),
  root: root.exactOptional(),
  scan: scan.exactOptional(),
})
export const hold: z.ZodType<HoldView> = z.object({
  id: text,
  level: z.enum(holdLevels),
  target: text,
  by: text,
  reason: text,
  since: text,
  until: text,
  containers: z.array(
    z.object({
      id: text,
      name: maybe,
      image: text,
      state: z.enum(holdStates),
      because: maybe,
      ended: count.exactOptional(),
    }),
  ),
})
export const versions: z.ZodType<readonly VersionView[]> = z.array(version)

export const lineage: z.ZodType<LineageView> = z.object({
  repository: text,
  versions: z.array(version),
})

export const behaviour: z.ZodType<BehaviourView> = z.object({
  id: text,
  actor: z.object({ exe: text, script: maybe }),
  uid: user,
  kind: text,
  object: text,
  text,
  within: maybe,
  state: z.enum(shownStates),
  why: text,
  generalised: z.boolean(),
  witnesses: texts,
  origins: texts,
  count,
  containers: texts,
  sessions: texts,
  nodes: texts,
  sources: texts,
  firstSeen: text,
  lastSeen: text,
  inherited: z.boolean(),
  guardrails: texts,
  allowance: z
    .object({
      by: text,
      at: text,
      until: maybe,
      onlyUid: count.exactOptional(),
      onlyWorkload: maybe,
    })
    .exactOptional(),
})

export const profile: z.ZodType<ProfileView> = z.object({
  version,
  behaviours: z.array(behaviour),
})

const diffRow = z.object({
  id: text,
  text,
  actor: text,
  uid: user,
  kind: text,
  access: z.enum(causeAccesses),
  place: text,
  component: maybe,
  explained: maybe,
})
export const profileDiff: z.ZodType<ProfileDiff> = z.object({
  from: imageRef,
  to: imageRef,
  added: z.array(diffRow),
  removed: z.array(diffRow),
  unchanged: count,
  derived: z.object({ added: z.array(diffRow), removed: z.array(diffRow) }),
})

export const decisionResult: z.ZodType<DecisionResult> = z.object({
  decided: texts,
  quarantined: count,
  version,
})

const rejected = z.array(z.object({ line: count, code: text, message: text }))
export const replayResult: z.ZodType<ReplayResult> = z.object({
  events: count,
  expected: count,
  deviations: count,
  unprofiled: count,
  learned: count,
  losses: count,
  rejected,
  rejectedCount: count,
})
export const backTestResult: z.ZodType<BackTestResult> = z.object({
  events: count,
  expected: count,
  deviations: count,
  unprofiled: count,
  rejectedCount: count,
  rejected,
  rows: z.array(
    z.object({
      text,
      actor: text,
      uid: user,
      outcome: z.enum(['expected', 'deviation', 'unprofiled']),
      count,
      reasons: texts,
      line: count,
    }),
  ),
})

const stops = z.array(z.object({ act: text, text, how: z.enum(stopHows) }))

const programCost = z.object({ program: text, runs: count, nanoseconds: count })

export const status: z.ZodType<StatusView> = z.object({
  version: text,
  node: text,
  pid: count,
  startedAt: text,
  state: z.enum(['starting', 'running', 'degraded', 'stopping']),
  degraded: texts,
  sources: z.array(
    z.object({
      name: text,
      state: text,
      reason: maybe,
      received: count,
      lost: counts,
      facts: z.record(text, text),
      measured: z.array(programCost).exactOptional(),
    }),
  ),
  engines: z.array(z.object({ name: text, state: text, reason: maybe })),
  containers: z.object({
    watched: count,
    units: count,
    unresolved: count,
    before: count,
    blind: count,
  }),
  versions: z.record(z.enum(versionStates), count),
  alerts: z.object({ open: count, total: count }),
  losses: z.array(lossSpan),
  counters: counts,
  crossChecks: z.array(
    z.object({
      kind: text,
      sources: texts,
      reported: z.array(count),
      both: count,
      unreported: z.number().exactOptional(),
      unreportedBound: z.number().exactOptional(),
      sentence: text,
    }),
  ),
  kernelProfiles: z.record(z.enum(kernelCounts), count),
  stops,
  selfProbe: z
    .object({
      time: text,
      ok: z.boolean(),
      stopped: texts,
      missed: texts,
      runs: count,
      failures: count,
    })
    .exactOptional(),
  enforcementGap: z
    .object({ image: text, container: text, time: text, milliseconds: z.number() })
    .exactOptional(),
  gateway: z
    .object({
      url: text,
      pid: count,
      uid: count,
      capabilities: text,
      noNewPrivileges: z.boolean(),
    })
    .exactOptional(),
})

export const doctor: z.ZodType<DoctorReport> = z.object({
  checks: z.array(z.object({ name: text, ok: z.boolean(), found: text, advice: maybe })),
  acts: z.array(z.object({ act: text, seen: text, stopped: text })),
  images: z.array(z.object({ image: text, because: text })),
  stops,
})

export const cost: z.ZodType<CostReport> = z.object({
  seconds: z.number(),
  processors: count,
  processes: z.array(
    z.object({
      process: z.enum(['agent', 'sensor', 'gateway']),
      seconds: z.number(),
      residentBytes: count,
    }),
  ),
  kernel: z
    .object({ seconds: z.number(), mapBytes: count, programs: z.array(programCost) })
    .exactOptional(),
  unmeasured: maybe,
})

export const explainedKey: z.ZodType<ExplainedKey> = z.object({
  key: text,
  value: text,
  from: text,
})

export const tokenHolder: z.ZodType<TokenHolder> = z.object({ name: text, role: z.enum(roles) })
export const newToken = z.object({ name: text, role: z.enum(roles), token: text })
