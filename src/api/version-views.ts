import { z } from 'zod'
import { behaviourKinds } from '../core/event/event-words.ts'
import { rootNeedView } from '../supplychain/export/root-need.ts'
import { keptScan, scanRecordSchema } from '../supplychain/findings/kept-scan.ts'
import type { View } from '../core/view.ts'
import { imageRef, lossSpan } from '../core/event/event-schema.ts'
import { kernelProfileStates } from './terms.ts'
import { modes, versionStates } from '../core/lifecycle/mode.ts'
import { count, flag, maybe, text, texts } from './view-parts.ts'

/** How many behaviours were known over time. */
const novelty = z.object({
  /** As one line of text, from the first look to now. */
  curve: text,
  points: z.array(z.object({ time: text, known: count })),
  /** When the latest new behaviour was seen. */
  lastNew: maybe,
})
export type NoveltyView = View<typeof novelty>

/** A container was observed without a gap. */
const observed = z.object({
  container: text,
  from: text,
  to: text,
  /** False: it ran already when it was first observed, or there was a gap before. */
  startSeen: flag,
})
export type ObservedView = View<typeof observed>

const evidence = z.object({
  /** 95 % upper bounds of the chance that it shows something new; 0..1. */
  nextContainer: count,
  nextHour: count,
  kinds: z.array(
    z.object({
      kind: text,
      behaviours: count,
      /** Seen in one container only. */
      singletons: count,
      nextContainer: count,
      nextHour: count,
    }),
  ),
  /** Starts and ends of containers, which are separate units of coverage. */
  phases: z.array(
    z.object({
      phase: z.enum(['start-up', 'shutdown']),
      seen: count,
      singletons: count,
      bound: count,
    }),
  ),
  /** Behaviour that the window was too short to show: a phase, or a scheduled job. */
  notYetSeen: texts,
  /** Of class `open`: where programs are installed, and files are worked on. */
  folders: z.object({ programs: texts, work: texts }).exactOptional(),
  /** Why class `open` may be what the version is. */
  openProposal: maybe,
  /** The coverage in sentences. */
  sentences: texts,
  novelty,
  /** Kinds of events that were observed during learning: other kinds are not judged. */
  kindsObserved: texts,
  /** How many intervals were observed, and how long they are together. */
  intervals: count,
  observedMs: count,
  /** The latest 200 of them. */
  observed: z.array(observed),
})
export type EvidenceView = View<typeof evidence>

const coverage = z.object({
  /** Independent looks at the image: container runs, or slices of time within long ones. */
  units: count,
  unitKind: z.enum(['containers', 'slices']),
  singletons: count,
  /** Expected chance that the next unit does something new, and its 95 % upper bound; both 0..1. */
  unseen: count,
  bound: count,
  sentence: text,
})

const container = z.object({
  id: text,
  name: maybe,
  enforced: flag,
  /** Why this agent does not see what it does, so that nothing of it is known to be stopped; absent: it does. */
  blind: maybe,
})
export type ContainerView = View<typeof container>

const blocking = z.object({
  /** It stops deviations now, as the kernel has confirmed: neither disarmed nor under break-glass. */
  armed: flag,
  /** As confirmed by the kernel. */
  kernel: z.object({
    /** `sent`: not confirmed yet. `evicted`: another version has its place until a container of it starts. */
    profile: z.enum(kernelProfileStates),
    /** Deviations are stopped. */
    blocks: flag,
  }),
  since: text,
  /** Since when its budget is spent, and it only alerts. */
  disarmedAt: maybe,
  /** The kinds of events that only alert since then; absent: all. */
  disarmed: z.array(z.enum(behaviourKinds)).exactOptional(),
  canary: z.object({ fraction: count, until: text }).exactOptional(),
  breakGlass: z.object({ until: text, by: text, reason: text }).exactOptional(),
  /** Running ones, and whether their deviations are stopped while it is armed. */
  containers: z.array(container),
})
export type BlockingView = View<typeof blocking>

/** The latest scan of a version, with the observed use of packages at that time. `by`: who reported it. */
const scan = scanRecordSchema.extend({ findings: keptScan.shape.findings.exactOptional() })
export type ScanView = View<typeof scan>

export const versionView = z.object({
  image: imageRef,
  tags: texts,
  state: z.enum(versionStates),
  mode: z.enum(modes),
  /** Digest of the version whose behaviours were the prior. */
  predecessor: maybe,
  firstSeen: text,
  lastSeen: text,
  learningSince: maybe,
  learnedAt: maybe,
  behaviours: count,
  pending: count,
  containers: z.object({ running: count, seen: count, before: count }),
  /** Running containers whose behaviour this agent does not see, and why; absent: none. */
  blind: z.object({ running: count, of: count, reasons: texts }).exactOptional(),
  coverage,
  losses: z.array(lossSpan),
  /** A sentence about why it has not progressed further. */
  because: text,
  /** Notes, such as how its profile was widened to fit, or why it cannot block. */
  notes: texts,
  /** A person decided that its programs are an open set; absent: nobody did. */
  open: z.object({ by: text, at: text, reason: maybe }).exactOptional(),
  /** Changes with each decision and each step of its life: the `ETag` of `repository@digest`. */
  revision: text,
  /** Only in mode `block`. */
  blocking: blocking.exactOptional(),
  /** The quality of its evidence, in full: only in the view of a single image. */
  evidence: evidence.exactOptional(),
  /** Whether it runs as root, and needs to: only in the view of a single image. */
  root: rootNeedView.exactOptional(),
  /** Absent without a stored scan; findings are included only for a single image. */
  scan: scan.exactOptional(),
})
export type VersionView = View<typeof versionView>

export const lineageView = z.object({ repository: text, versions: z.array(versionView) })
export type LineageView = View<typeof lineageView>
