import { SnugError } from '../../errors.ts'
import type { Micros } from '../event/time.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import type { Steps } from '../steps.ts'
import type { Widening } from '../behaviour/widening.ts'
import { claimsOf } from './kernel-claims.ts'
import type { Guard } from './kernel-guards.ts'
import { patternRules } from './kernel-patterns.ts'
import { prefixRules, type PrefixRules } from './kernel-prefixes.ts'
import { isOfKernel } from '../learning/program-files.ts'
import { behaviourId, behaviourKey, runtime } from '../behaviour/behaviour.ts'
import { plainPath } from '../behaviour/shape.ts'
import {
  type KernelProfile,
  type KernelRule,
  type PathAutomaton,
  ruleKey,
  tagOf,
} from './kernel-profile.ts'
import { noveltyRules } from './kernel-novelty.ts'
import { KernelWidening } from './kernel-widening.ts'
import type { Guardrails } from '../match/guardrail.ts'
import { ShippedFiles } from './shipped-files.ts'

export interface KernelLimits {
  /** Rules and shipped paths; both take places in the same table. */
  readonly rules: number
  readonly states: number
}

const kernelLimits: KernelLimits = { rules: 65_536, states: 8_192 }
/** A job is the only version that the kernel judges: 32 MiB for as long as it runs. */
const jobLimits: KernelLimits = { ...kernelLimits, states: 32_768 }

/** Rules that are looked at between two pauses. */
const rulesAtOnce = 64

/** Blocks of addresses in one version. */
const MOST_PREFIXES = 4_096

export interface KernelOptions {
  /** Approvals that have ended by then do not count. */
  readonly now: Micros
  /** Paths of files that the image ships and the automaton takes, whatever set they end in. Asked several times. */
  readonly shippedMatching: (automaton: PathAutomaton) => readonly string[]
  /** What the kernel's maps hold. */
  readonly limits?: KernelLimits
  /** Lets novelty pass, as far as the kernel distinguishes it; absent: it is stopped like every deviation. */
  readonly novelty?: Pick<Guardrails, 'guardsCapability'>
  /** False: it does not tell a changed program from the one that was shipped, as in units of systemd. */
  readonly knowsDrift?: boolean
  /** Of a job, and of a version of class `open`: the only files that are strict. */
  readonly guards?: readonly Guard[]
  /** Of class `open`: see {@link anyonesRules}. */
  readonly isOpen?: boolean
}

export interface CompiledKernel {
  readonly profile: KernelProfile
  /** When the first of its approvals ends, so that it has to be compiled again; undefined where none does. */
  readonly ends: Micros | undefined
  /** What was made wider to fit, for `Profile.widen`: then both expect the same. */
  readonly widenings: readonly Widening[]
  /** False where reads that follow from the image's files did not fit: then they are not expected here either. */
  readonly derives: boolean
}

/**
 * Compiles the expected and the rejected behaviours for the kernel, as they are at the first step: a decision during a
 * pause needs another compilation. A part that does not fit is widened and reported; nothing is left out.
 *
 * @throws SnugError `PROFILE_TOO_LARGE` if it cannot fit
 */
export function* compileSteps(live: ProfileReader, options: KernelOptions): Steps<CompiledKernel> {
  const { now, guards = [] } = options
  const { limits = guards.length > 0 ? jobLimits : kernelLimits } = options
  const known = asItIs(live)
  const shipped = new ShippedFiles(options.shippedMatching)
  const claims = yield* claimsOf(known, now, (paths) => shipped.among(paths))
  const blocks = prefixRules(claims.blocks, now)
  if (blocks.prefixes.length > MOST_PREFIXES) {
    throw tooLarge(`${blocks.prefixes.length} blocks of addresses, at most ${MOST_PREFIXES}`)
  }
  const widening = new KernelWidening(claims, known, shipped)
  const novelty =
    options.novelty === undefined
      ? []
      : noveltyRules(known, now, options.novelty, (rule) => claims.literals.has(ruleKey(rule)))
  const wide = [...blocks.rules, ...claims.ranges, ...claims.mapping, ...novelty]
  for (;;) {
    const parts = { known, limits, shipped, wide, guards, prefixes: blocks.prefixes, widening }
    const fitted = yield* fit(parts)
    if (fitted === undefined) continue
    const derived = yield* derivedRules(known, now, fitted, limits.rules)
    yield
    const own = derived ?? fitted.rules
    const rules = options.isOpen === true ? [...own, ...anyonesRules(own)] : own
    return {
      profile: {
        ...fitted,
        rules: options.knowsDrift === false ? withoutDrift(rules) : rules,
      },
      ends: endOf(known, now),
      widenings: widening.widenings(),
      derives: derived !== undefined,
    }
  }
}

/**
 * Connections to other machines, and changes of identity: what some program may do, any program may. What was rejected
 * of one is rejected of all.
 */
function anyonesRules(rules: readonly KernelRule[]): readonly KernelRule[] {
  const byKey = new Map<string, KernelRule>()
  for (const { object, ...rule } of rules) {
    const isOfPeer = object.kind === 'connect-prefix' || object.kind === 'connect'
    if (!isOfPeer && object.kind !== 'identity') continue
    if (isOfPeer && object.protocol === 'unix') continue
    const anyones = {
      ...rule,
      anyone: true,
      actor: runtime,
      uid: 0,
      origin: 'entrypoint',
      object,
    } as const
    const key = ruleKey(anyones)
    const known = byKey.get(key)
    if (known?.deny !== true) byKey.set(key, withRangeOf(anyones, known))
  }
  return [...byKey.values()]
}

/** Of two ranges of ports that are drawn for one peer, one that holds both: there is one rule. */
function withRangeOf(rule: KernelRule, known: KernelRule | undefined): KernelRule {
  if (known === undefined || !('range' in rule.object) || !('range' in known.object)) return rule
  const [a, b] = [rule.object.range, known.object.range]
  const range = { first: Math.min(a.first, b.first), last: Math.max(a.last, b.last) }
  return { ...rule, object: { ...rule.object, range } }
}

/** What runs a changed program may run the program of that name too; who may not is for the agent to tell. */
function withoutDrift(rules: readonly KernelRule[]): readonly KernelRule[] {
  const byKey = new Map<string, KernelRule>()
  for (const rule of rules) if (!isOfDrift(rule)) byKey.set(ruleKey(rule), rule)
  for (const rule of rules) {
    if (!isOfDrift(rule) || rule.deny === true) continue
    const { drift: _, ...object } = rule.object
    const plain = { ...rule, object }
    if (!byKey.has(ruleKey(plain))) byKey.set(ruleKey(plain), plain)
  }
  return [...byKey.values()]
}

type DriftRule = KernelRule & { readonly object: { readonly drift?: true } }

function isOfDrift(rule: KernelRule): rule is DriftRule {
  return 'drift' in rule.object && rule.object.drift === true
}

/**
 * The rules plus those that follow from the image's files; undefined where the kernel's tables are too small for them.
 */
function* derivedRules(
  known: ProfileReader,
  now: Micros,
  { rules, shipped }: KernelProfile,
  most: number,
): Steps<readonly KernelRule[] | undefined> {
  const reads = known.derived.all(now)
  if (reads === undefined) return undefined
  const byKey = new Map<string, KernelRule>()
  for (const rule of rules) {
    if (byKey.size % rulesAtOnce === 0) yield
    byKey.set(ruleKey(rule), rule)
  }
  let looked = 0
  for (const { actor, uid, origin, path } of reads) {
    if (++looked % rulesAtOnce === 0) yield
    const read = { kind: 'file', access: 'read', path: plainPath(path) } as const
    const object = isOfKernel(path) ? read : ({ kind: 'shipped-file', path } as const)
    const tag = tagOf(behaviourId(behaviourKey(actor, uid, read)))
    const rule = { tag, actor, uid, origin, object }
    const key = ruleKey(rule)
    if (!byKey.has(key)) byKey.set(key, rule)
  }
  return byKey.size + shipped.length > most ? undefined : [...byKey.values()]
}

interface Parts {
  readonly known: ProfileReader
  readonly limits: KernelLimits
  readonly shipped: ShippedFiles
  /** Rules of blocks of addresses, of ranges of ports, of code that is mapped, and for novelty. */
  readonly wide: readonly KernelRule[]
  readonly guards: readonly Guard[]
  readonly prefixes: PrefixRules['prefixes']
  readonly widening: KernelWidening
}

/** The profile if it fits; else it is a little wider than before, and may fit the next time. */
function* fit(parts: Parts): Steps<KernelProfile | undefined> {
  const { limits, wide, prefixes, widening } = parts
  const literals = widening.literals().map(({ rule }) => rule)
  const before = literals.length + wide.length
  if (before > limits.rules) return saveRules(parts, before)
  const patterns = yield* patternRules(widening.patterns(), limits.states, parts.guards)
  if (patterns === undefined) {
    if (widening.saveStates()) return undefined
    throw tooLarge(`patterns of more than ${limits.states} states`)
  }
  const shipped = parts.shipped.matching(patterns.automaton)
  const size = before + patterns.rules.length + shipped.length
  if (size > limits.rules) return saveRules(parts, size)
  return {
    rules: [...literals, ...patterns.rules, ...wide],
    automaton: patterns.automaton,
    prefixes,
    shipped,
    widened: widening.sentences(),
  }
}

function saveRules({ limits, widening }: Parts, size: number): undefined {
  if (widening.saveRules(size - limits.rules) || widening.saveStates()) return undefined
  throw tooLarge(`${size} rules, at most ${limits.rules}`)
}

/** Its behaviours of this moment: entries that are replaced during a pause must not be missed. */
function asItIs(live: ProfileReader): ProfileReader {
  const all = [...live.all()]
  const { patterns, derived, shaper, size } = live
  return {
    all: () => all,
    allowance: (key) => live.allowance(key),
    byActor: (kind, exe) => live.byActor(kind, exe),
    byObject: (object) => live.byObject(object),
    patterns,
    derived,
    shaper,
    size,
  }
}

function tooLarge(what: string): SnugError {
  return new SnugError('PROFILE_TOO_LARGE', `the profile does not fit into the kernel: ${what}`)
}

function endOf(known: ProfileReader, now: Micros): Micros | undefined {
  let first: Micros | undefined
  for (const allowance of known.all()) {
    const end = allowance.endsAfter(now)
    if (end !== undefined && (first === undefined || end < first)) first = end
  }
  return first
}
