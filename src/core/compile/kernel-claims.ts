import { isOfClass } from '../behaviour/any-program.ts'
import { ACCOUNTS_LEAST, anybodyKey, ofAnybody } from '../behaviour/accounts.ts'
import { type Origin, origins } from '../event/event-words.ts'
import type { Micros } from '../event/time.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { textsOf, SUBJECT_TO } from '../behaviour/language.ts'
import { sorted, type Steps } from '../steps.ts'
import { compareSpecific } from '../profile/pattern-index.ts'
import { isDrawn, rangeOf, unprivilegedPorts } from '../behaviour/ports.ts'
import { literalPath } from '../behaviour/shape.ts'
import { isSockets } from '../behaviour/peer.ts'
import { groupOf, shapedSubject } from '../behaviour/subject.ts'
import type { LiteralClaim, PatternClaim } from './kernel-claim.ts'
import { renameSource } from './kernel-rename-sources.ts'
import { type KernelRule, reportTag, ruleKey, type RuleObject, tagOf } from './kernel-profile.ts'

/** A pattern of at most this many paths becomes literal rules: rules cost less than states. */
const FEW = 64

/** The rules of a profile one by one, before they are put into tables. */
export interface Claims {
  /** By behaviour and origin, each once. */
  readonly literals: ReadonlyMap<string, LiteralClaim>
  /** What was rejected first, then the most specific first. */
  readonly patterns: readonly PatternClaim[]
  readonly blocks: readonly Allowance[]
  /** Of ports that are drawn from a range, and of changes of identity that are made for anybody. */
  readonly ranges: readonly KernelRule[]
  /** Of programs that map code which the image did not ship. */
  readonly mapping: readonly KernelRule[]
}

/** Allowances that are looked at between two pauses. */
const atOnce = 16

/**
 * @param shipped which of the paths the image ships: a pattern does not take those
 */
export function* claimsOf(
  known: ProfileReader,
  now: Micros,
  shipped: (paths: readonly string[]) => ReadonlySet<string>,
): Steps<Claims> {
  const literals = new Map<string, LiteralClaim>()
  const shaped: Allowance[] = []
  const blocks: Allowance[] = []
  const ranges: KernelRule[] = []
  const mapping = new Map<string, KernelRule>()
  const forPeople = new Map<string, Allowance[]>()
  let looked = 0
  for (const allowance of known.all()) {
    if (++looked % atOnce === 0) yield
    if (isOfClass(allowance.actor)) continue
    if (isMapping(allowance.object) && !allowance.rejected) {
      for (const rule of mappingRules(allowance, now)) mapping.set(ruleKey(rule), rule)
    } else if (allowance.block !== undefined) blocks.push(allowance)
    else if (isDrawn(allowance.object)) ranges.push(...rangeRules(allowance, now))
    else if (allowance.shape === undefined) {
      claimLiteral(literals, allowance, now)
      const key = allowance.rejected ? undefined : anybodyKey(allowance)
      if (key !== undefined) forPeople.set(key, [...(forPeople.get(key) ?? []), allowance])
    } else shaped.push(allowance, ...allowance.faces)
  }
  for (const alike of forPeople.values()) ranges.push(...anybodyRules(alike, now))
  const ordered = yield* sorted(
    shaped,
    (a, b) => Number(b.rejected) - Number(a.rejected) || compareSpecific(a, b),
  )
  const patterns: PatternClaim[] = []
  const few: LiteralClaim[] = []
  for (const allowance of ordered) {
    yield
    const group = groupOf(allowance)
    if (group !== undefined) claimPattern({ patterns, few, known }, allowance, group, now)
  }
  const away = renameSource(known, ordered, now, FEW)
  claimFew(literals, [...few, ...away.literals], shipped)
  return {
    literals,
    patterns: [...patterns, ...away.patterns],
    blocks,
    ranges,
    mapping: [...mapping.values()],
  }
}

function rangeRules(allowance: Allowance, now: Micros): readonly KernelRule[] {
  const { id, actor, uid, object, rejected } = allowance
  if (!isDrawn(object)) return []
  const grants = allowance.grantsAt(now)
  return (rejected ? origins : grants.origins).flatMap((origin): readonly KernelRule[] => {
    const texts = grants.of(origin).literals.texts
    const range = rejected ? unprivilegedPorts : rangeOf(texts)
    if (range === undefined) return []
    const rule = { tag: tagOf(id), actor, uid, origin, object: { ...object, range } } as const
    return [rejected ? { ...rule, deny: true } : rule]
  })
}

/** `alike`: the same change of identity by one actor and user, for several people. */
function anybodyRules(alike: readonly Allowance[], now: Micros): readonly KernelRule[] {
  return origins.flatMap((origin): readonly KernelRule[] => {
    const granted = alike.filter((one) => one.grantsAt(now).origins.includes(origin))
    if (granted.length < ACCOUNTS_LEAST) return []
    const { id, actor, uid, object } = granted.reduce((a, b) => (b.id < a.id ? b : a))
    const anybody = ofAnybody(object)
    return anybody === undefined ? [] : [{ tag: tagOf(id), actor, uid, origin, object: anybody }]
  })
}

function isMapping(object: BehaviourObject): boolean {
  return object.kind === 'file' && object.access === 'exec'
}

/**
 * Runtimes unpack libraries under names that no profile can hold. So a program that mapped one file which the image did
 * not ship is not stopped from mapping others.
 */
function mappingRules(allowance: Allowance, now: Micros): readonly KernelRule[] {
  const { actor, uid } = allowance
  const object = { kind: 'foreign-code' } as const
  return allowance.grantsAt(now).origins.map((origin) => {
    return { tag: reportTag, report: true, actor, uid, origin, object }
  })
}

function claimLiteral(
  literals: Map<string, LiteralClaim>,
  allowance: Allowance,
  now: Micros,
): void {
  const { rejected } = allowance
  const allowed = rejected ? origins : allowance.grantsAt(now).origins
  const subject = shapedSubject(allowance.object)
  for (const origin of allowed) {
    const claim = literalClaim(
      allowance,
      origin,
      subject === undefined ? undefined : literalPath(subject),
    )
    literals.set(ruleKey(claim.rule), claim)
  }
  if (rejected || subject === undefined) return
  for (const origin of allowance.shipped?.origins ?? []) {
    if (allowed.includes(origin)) continue
    const claim = shippedClaim(allowance, origin, literalPath(subject))
    literals.set(ruleKey(claim.rule), claim)
  }
}

/** Rules that follow from the image's own files. They belong to no folder, so none is widened. */
function shippedClaim(allowance: Allowance, origin: Origin, path: string): LiteralClaim {
  const { actor, uid, id } = allowance
  const rule = {
    tag: tagOf(id),
    actor,
    uid,
    origin,
    object: { kind: 'shipped-file', path },
  } as const
  return { rule, allowance, group: undefined, subject: path }
}

function literalClaim(
  allowance: Allowance,
  origin: Origin,
  subject: string | undefined,
): LiteralClaim {
  const { actor, uid, id, rejected } = allowance
  const object = withSubject(allowance.object, subject)
  const rule = { tag: tagOf(id), actor, uid, origin, object }
  return {
    rule: rejected ? { ...rule, deny: true } : rule,
    allowance,
    group: groupOf(allowance),
    subject,
  }
}

function withSubject(object: BehaviourObject, subject: string | undefined): BehaviourObject {
  if (subject === undefined) return object
  if (object.kind === 'syscall') return { ...object, target: subject }
  if (isSockets(object))
    return { kind: 'connect', protocol: object.protocol, peer: subject, port: 0 }
  if (object.kind !== 'file') return object
  if (object.to === undefined) return { ...object, path: subject }
  const [path = '', to = ''] = subject.split(SUBJECT_TO)
  return { ...object, path, to }
}

interface Found {
  readonly patterns: PatternClaim[]
  readonly few: LiteralClaim[]
  readonly known: ProfileReader
}

function claimPattern(found: Found, allowance: Allowance, group: string, now: Micros): void {
  const { shape } = allowance
  if (shape === undefined) return
  if (allowance.rejected) {
    found.patterns.push({ allowance, group, origin: undefined, pattern: shape.open })
    return
  }
  const refused = found.known.patterns.refused(group)
  const grants = allowance.grantsAt(now)
  for (const origin of grants.origins) {
    const pattern = grants.pattern(origin, shape, allowance.related)
    if (pattern === undefined) continue
    const texts = textsOf(pattern.language, FEW)
    if (texts === undefined) found.patterns.push({ allowance, group, origin, pattern })
    for (const subject of texts ?? []) {
      if (refused.some((one) => one.concerns(subject))) continue
      found.few.push(literalClaim(allowance, origin, subject))
    }
  }
}

/** A path that the pattern excludes must not become a separate rule. */
function claimFew(
  literals: Map<string, LiteralClaim>,
  few: readonly LiteralClaim[],
  shipped: (paths: readonly string[]) => ReadonlySet<string>,
): void {
  const paths = few.flatMap(({ rule: { object }, subject = '' }) =>
    isOfFile(object) ? [firstPath(subject)] : [],
  )
  const fixed = shipped(paths)
  for (const claim of few) {
    const { object } = claim.rule
    if (isOfFile(object) && fixed.has(firstPath(claim.subject ?? ''))) continue
    const key = ruleKey(claim.rule)
    if (!literals.has(key)) literals.set(key, claim)
  }
}

function isOfFile({ kind }: RuleObject): boolean {
  return kind === 'file' || kind === 'rename-source'
}

/** Of a rename the path that is renamed: whether the image ships a file is asked of that one. */
export function firstPath(subject: string): string {
  const end = subject.indexOf(SUBJECT_TO)
  return end < 0 ? subject : subject.slice(0, end)
}
