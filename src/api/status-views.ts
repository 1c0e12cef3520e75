import { z } from 'zod'
import type { ContainerRef, ImageRef, LossSpan } from '../core/event/event.ts'
import type { View } from '../core/view.ts'
import { blindImages } from '../core/event/agent-report-schema.ts'
import { lossSpan } from '../core/event/event-schema.ts'
import { kernelCounts, stopHows } from './terms.ts'
import { type Mode, type VersionState, versionStates } from '../core/lifecycle/mode.ts'
import { count, counts, flag, maybe, text, texts } from './view-parts.ts'

const programCost = z.object({
  program: text,
  runs: count,
  /** Of processor time, in all runs. */
  nanoseconds: count,
})
export type ProgramCost = View<typeof programCost>

const source = z.object({
  name: text,
  state: text,
  /** Why it observes nothing, temporarily or for good; absent where it works, or has reached its end. */
  reason: maybe,
  received: count,
  lost: counts,
  facts: z.record(text, text),
  /** What its programs in the kernel took while somebody measured it; absent before that. */
  measured: z.array(programCost).exactOptional(),
})
export type SourceView = View<typeof source>

const engine = z.object({ name: text, state: text, reason: maybe })
export type EngineView = View<typeof engine>

const crossCheck = z.object({
  kind: text,
  /** The two sources. */
  sources: texts,
  /** Different events of the first source, of the second, and of both. */
  reported: z.array(count),
  both: count,
  /**
   * Events that both missed: Chapman's estimate, and its 95 % upper bound; absent if too few were
   * reported by both.
   */
  unreported: count.exactOptional(),
  unreportedBound: count.exactOptional(),
  sentence: text,
})
export type CrossCheckView = View<typeof crossCheck>

const stop = z.object({
  /** Class of events: `exec`, `open`, `connect`, … */
  act: text,
  /** For people: `running a program`. */
  text,
  how: z.enum(stopHows),
})
export type StopView = View<typeof stop>

const selfProbe = z.object({
  time: text,
  /** Everything that must pass did, and everything that must be stopped was. */
  ok: flag,
  stopped: texts,
  missed: texts,
  runs: count,
  failures: count,
})
export type SelfProbeView = View<typeof selfProbe>

const enforcementGap = z.object({
  /** `repository@digest` */
  image: text,
  container: text,
  /** Of its first event. */
  time: text,
  milliseconds: count,
})

/** The process that serves TCP, and what it may do. */
const gateway = z.object({
  url: text,
  pid: count,
  uid: count,
  /** `none`, or the sets as the kernel prints them. */
  capabilities: text,
  noNewPrivileges: flag,
})
export type GatewayView = View<typeof gateway>

export const statusView = z.object({
  version: text,
  node: text,
  pid: count,
  startedAt: text,
  state: z.enum(['starting', 'running', 'degraded', 'stopping']),
  degraded: texts,
  sources: z.array(source),
  engines: z.array(engine),
  containers: z.object({
    watched: count,
    /** Those of them that are runs of systemd units. */
    units: count,
    unresolved: count,
    before: count,
    /** Those whose behaviour the agent does not see, because of their runtime. */
    blind: count,
  }),
  /** Versions of the blind containers, at most 100 of them; absent: none is blind. */
  blindImages: blindImages.exactOptional(),
  versions: z.record(z.enum(versionStates), count),
  alerts: z.object({ open: count, total: count }),
  losses: z.array(lossSpan),
  counters: counts,
  /** Events that two sources reported, by kind, since start; empty with one source. */
  crossChecks: z.array(crossCheck),
  /** Versions by the confirmed state of their profiles in the kernel; `blocking`: those whose deviations it stops. */
  kernelProfiles: z.record(z.enum(kernelCounts), count),
  /** The response to a deviation in mode block on this host; empty if no source reports it. */
  stops: z.array(stop),
  /** The sensor's self-test of its blocking; absent until it has run. */
  selfProbe: selfProbe.exactOptional(),
  /** The longest time of this day (UTC) that a container ran before its events could be blocked. */
  enforcementGap: enforcementGap.exactOptional(),
  /** Absent where TCP is not served. */
  gateway: gateway.exactOptional(),
})
export type StatusView = View<typeof statusView>

/** What the programs of a source took in the kernel within a time. */
const kernelCost = z.object({
  seconds: count,
  /** Memory of its maps. */
  mapBytes: count,
  programs: z.array(programCost),
})
export type KernelCost = View<typeof kernelCost>

const processCost = z.object({
  process: z.enum(['agent', 'sensor', 'gateway']),
  /** Of processor time. */
  seconds: count,
  residentBytes: count,
})
export type ProcessCost = View<typeof processCost>

/** What Snug takes on this node within a time. */
export const costReport = z.object({
  seconds: count,
  processors: count,
  processes: z.array(processCost),
  /** Absent where nothing in the kernel could be measured: see `unmeasured`. */
  kernel: kernelCost.exactOptional(),
  unmeasured: maybe,
})
export type CostReport = View<typeof costReport>

const doctorCheck = z.object({ name: text, ok: flag, found: text, advice: maybe })
export type DoctorCheck = View<typeof doctorCheck>

export const doctorReport = z.object({
  checks: z.array(doctorCheck),
  /** By kind of event: observed, blocked, killed or only alerted on this host. */
  acts: z.array(z.object({ act: text, seen: text, stopped: text })),
  images: z.array(z.object({ image: text, because: text })),
  /** Finer than `acts`: the response to a deviation in mode block; empty without an agent. */
  stops: z.array(stop),
})
export type DoctorReport = View<typeof doctorReport>

/** Updates of the live stream besides alerts. */
export type StateNews =
  | {
      readonly kind: 'version'
      readonly time: string
      readonly image: ImageRef
      readonly state: VersionState
      readonly mode: Mode
      readonly because: string
      /** Containers of it. */
      readonly running: number
      readonly revision: string
    }
  /** The agent keeps nothing of the version any more, except its alerts. */
  | { readonly kind: 'removed'; readonly time: string; readonly image: ImageRef }
  | {
      readonly kind: 'loss'
      readonly time: string
      readonly source: string
      readonly loss: LossSpan
      readonly image?: ImageRef
      readonly container?: ContainerRef
    }
  | {
      readonly kind: 'status'
      readonly time: string
      readonly state: StatusView['state']
      readonly degraded: readonly string[]
    }
