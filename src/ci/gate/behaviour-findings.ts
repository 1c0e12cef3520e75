import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import { globs, type Matcher } from '../../core/match/glob.ts'
import type { GuardrailRules } from '../../core/match/rules-schema.ts'
import type { BehaviourObject, BehaviourRef } from '../../core/behaviour/behaviour.ts'
import { refsOfCell } from '../../core/profile/cell-refs.ts'
import { actorText, describeBehaviour, objectLine } from '../../core/behaviour/describe.ts'
import { Profile } from '../../core/profile/profile.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { compareText } from '../../core/compare-text.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import { SUBJECT_TO } from '../../core/behaviour/language.ts'
import { subjectOf } from '../../core/behaviour/subject.ts'
import type { FindingLevel, GateFinding, GateRule } from '../../supplychain/findings/finding.ts'
import { KnownThings } from './known-things.ts'
import type { BehaviourPolicy, GateLevel } from './policy-schema.ts'

export interface BehaviourInput {
  readonly profile: ProfileDocument
  readonly baseline?: ProfileDocument
  readonly policy: BehaviourPolicy
  readonly guardrails: GuardrailRules
  readonly shaper: Shaper
  readonly nowMs: number
}

export interface BehaviourFindings {
  readonly findings: readonly GateFinding[]
  readonly seen: number
  readonly asBefore: number
  /** Ids of behaviours that the baseline does not allow. */
  readonly again: ReadonlySet<string>
}

/**
 * Behaviour in a profile that its baseline does not allow. It ignores exec sessions, which are no evidence about the
 * image; inherited behaviour that was not observed; and behaviour that follows from the image's own files.
 */
export function behaviourFindings(input: BehaviourInput): BehaviourFindings {
  const { profile, baseline, policy, shaper } = input
  const now = Profile.load(profile.behaviours, shaper)
  const shown = now.entries().filter(isShown)
  const findings = [
    ...shown.flatMap((entry) => ofItself(entry, now, input)),
    ...lossFindings(profile, policy),
  ]
  if (baseline === undefined) {
    const text = 'no baseline was given: new behaviours cannot be determined'
    const none = { id: 'no-baseline', rule: 'no-baseline', text } as const
    findings.push({ ...none, level: levelOf(policy.noBaseline) })
    return { findings, seen: shown.length, asBefore: 0, again: new Set() }
  }
  const reported = new Set(findings.map(({ id }) => id))
  const delta = new Delta(input, Profile.load(baseline.behaviours, shaper))
  for (const entry of shown) delta.look(entry, reported.has(entry.id))
  return {
    findings: [...findings, ...delta.findings()],
    seen: shown.length,
    asBefore: delta.asBefore,
    again: delta.again,
  }
}

function isShown({ cells }: ProfileEntry): boolean {
  return cells.some(({ origin, phase }) => origin !== 'exec-in' && phase !== 'derived')
}

export function levelOf(level: GateLevel): FindingLevel {
  return level === 'allow' ? 'note' : level
}

/** Kinds of events that were not observed cannot be compared. */
function lossFindings(
  { recordings = [] }: ProfileDocument,
  { lostEvidence }: BehaviourPolicy,
): readonly GateFinding[] {
  const losses = recordings.flatMap((recording) => recording.losses)
  if (losses.length === 0) return []
  const count = losses.reduce((sum, loss) => sum + loss.count, 0)
  const reasons = [...new Set(losses.map(({ reason }) => reason))].join(', ')
  const text = `${count} events were lost while it was recorded (${reasons})`
  return [{ id: 'lost-evidence', rule: 'lost-evidence', level: levelOf(lostEvidence), text }]
}

/** Findings that shut the gate regardless of the baseline. */
function ofItself(
  entry: ProfileEntry,
  profile: Profile,
  { policy, guardrails }: BehaviourInput,
): readonly GateFinding[] {
  const state = profile.state(entry.id)
  const text = describeBehaviour(entry)
  if (state === 'rejected') {
    const why = `${entry.decision?.by ?? 'somebody'} rejected it, and it was observed again`
    return [{ id: entry.id, rule: 'rejected', level: 'approve', text, why }]
  }
  if (state !== 'quarantined') return []
  const ids = new Set(entry.cells.flatMap(({ guardrails: fired }) => fired ?? []))
  const known = guardrails.guardrails.filter(({ id }) => ids.has(id))
  const why = known.length === 0 ? [...ids].join(', ') : known.map(({ title }) => title).join('; ')
  return [{ id: entry.id, rule: 'guardrail', level: levelOf(policy.guardrail), text, why }]
}

/** The key of the policy that holds the level of each rule. */
const levelKeys = {
  'new-program': 'newProgram',
  'new-peer': 'newPeer',
  'new-listen': 'newListen',
  'new-write': 'newWrite',
  'new-root': 'newRoot',
  'new-capability': 'newCapability',
  'new-syscall': 'newSyscall',
  'new-read': 'newRead',
  'other-use': 'otherUse',
} as const satisfies Partial<Record<GateRule, keyof BehaviourPolicy>>
type DeltaRule = keyof typeof levelKeys

/** The comparison with a baseline, one behaviour at a time. */
class Delta {
  asBefore = 0
  readonly again = new Set<string>()
  readonly #input: BehaviourInput
  readonly #baseline: Profile
  readonly #known: KnownThings
  readonly #isData: Matcher
  readonly #found: GateFinding[] = []
  /** Events of programs that are new, or newly run as root: reported together with the program. */
  readonly #folded = new Map<string, number>()

  constructor(input: BehaviourInput, baseline: Profile) {
    this.#input = input
    this.#baseline = baseline
    this.#known = new KnownThings(baseline)
    this.#isData = globs(input.policy.dataPaths)
  }

  /** `isReported`: it has a finding already, and gets no second one. */
  look(entry: ProfileEntry, isReported: boolean): void {
    const refs = entry.cells
      .filter(({ origin }) => origin !== 'exec-in')
      .flatMap((cell) => refsOfCell(entry, cell, this.#input.shaper))
    const now = this.#input.nowMs * 1_000
    const unexpected = refs.filter((ref) => !this.#baseline.isExpected(ref, now))
    if (unexpected.length > 0) this.again.add(entry.id)
    if (isReported) return
    if (unexpected.length === 0) {
      this.asBefore += 1
      return
    }
    const isNewRoot = entry.uid === 0 && !this.#known.actsAsRoot(entry.actor)
    if (isNewRoot && this.#known.hasActor(entry.actor)) {
      const id = `new-root:${entry.actor.script ?? entry.actor.exe}`
      this.#addRoot(id, entry)
      if (this.#known.doesAsAnother(entry)) return this.#fold(id)
    }
    const rule = this.#ruleOf(entry.object, unexpected)
    if (rule === 'other-use' && !this.#known.hasActor(entry.actor)) {
      return this.#fold(`program:${entry.actor.script ?? entry.actor.exe}`)
    }
    this.#found.push(this.#finding(entry, rule, unexpected))
  }

  findings(): readonly GateFinding[] {
    return this.#found.map((finding) => {
      const more = this.#folded.get(finding.rule === 'new-root' ? finding.id : programOf(finding))
      if (more === undefined) return finding
      const others = `covers ${more} more ${more === 1 ? 'behaviour' : 'behaviours'} of the same program`
      return { ...finding, why: finding.why === undefined ? others : `${finding.why}; ${others}` }
    })
  }

  #fold(into: string): void {
    this.#folded.set(into, (this.#folded.get(into) ?? 0) + 1)
  }

  #addRoot(id: string, { actor }: ProfileEntry): void {
    if (this.#found.some((finding) => finding.id === id)) return
    const level = levelOf(this.#input.policy.newRoot)
    const text = `${actorText(actor)} runs as uid 0`
    const why = 'the baseline has it only as another user'
    this.#found.push({ id, rule: 'new-root', level, text, why, path: actor.script ?? actor.exe })
  }

  #ruleOf(object: BehaviourObject, refs: readonly BehaviourRef[]): DeltaRule {
    const known = this.#known
    switch (object.kind) {
      case 'exec':
        return known.runs(object) ? 'other-use' : 'new-program'
      case 'connect':
        return known.does(object) ? 'other-use' : 'new-peer'
      case 'listen':
        return known.does(object) ? 'other-use' : 'new-listen'
      case 'capability':
        return known.does(object) ? 'other-use' : 'new-capability'
      case 'identity':
        if (object.to.uid === 0 && object.from.uid !== 0) return 'new-root'
        return known.does(object) ? 'other-use' : 'new-syscall'
      case 'syscall':
        return known.does(object) ? 'other-use' : 'new-syscall'
      case 'file':
        if (object.access === 'read' || object.access === 'exec') return 'new-read'
        return refs.every((ref) => this.#onlyData(ref)) ? 'new-read' : 'new-write'
    }
  }

  #onlyData(ref: BehaviourRef): boolean {
    const paths = (subjectOf(ref) ?? '').split(SUBJECT_TO)
    return paths.every((path) => this.#isData(path))
  }

  #finding(entry: ProfileEntry, rule: DeltaRule, refs: readonly BehaviourRef[]): GateFinding {
    const level = levelOf(this.#input.policy[levelKeys[rule]])
    const why = this.#whyOf(entry, rule, refs)
    const path = pathOf(entry.object)
    return {
      id: entry.id,
      rule,
      level,
      text: describeBehaviour(entry),
      ...(why === undefined ? {} : { why }),
      ...(path === undefined ? {} : { path }),
    }
  }

  #whyOf(entry: ProfileEntry, rule: DeltaRule, refs: readonly BehaviourRef[]): string | undefined {
    if (rule === 'other-use') {
      const who = this.#known.whoDoes(entry.object)
      return who === undefined
        ? undefined
        : `known only from ${who} only: ${objectLine(entry.object)}`
    }
    // A pattern that the baseline has too, with names that it does not stand for.
    const named = refs.flatMap(({ literal }) => (literal === undefined ? [] : [literal.text]))
    return named.length === 0 ? undefined : `such as ${named.sort(compareText)[0]}`
  }
}

function programOf({ rule, path }: GateFinding): string {
  return rule === 'new-program' && path !== undefined ? `program:${path}` : ''
}

function pathOf(object: BehaviourObject): string | undefined {
  if (object.kind === 'exec') return object.script ?? object.path
  return object.kind === 'file' ? object.path : undefined
}
