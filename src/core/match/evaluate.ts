import { ofAnybody } from '../behaviour/accounts.ts'
import { bytesOfName } from '../event/name-bytes.ts'
import { holds, parseAddress, parseBlock } from '../behaviour/address-block.ts'
import type { BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import { isDnsPeer } from '../behaviour/dns-name.ts'
import { wildcardOf } from '../behaviour/peer.ts'
import { drawnOf, holdsPort } from '../behaviour/ports.ts'
import { literalPath } from '../behaviour/shape.ts'
import { anyArguments, plainObject, subjectOf } from '../behaviour/subject.ts'
import { firstPath } from '../compile/kernel-claims.ts'
import {
  type BehaviourTag,
  type KernelProfile,
  type KernelRule,
  ruleKey,
  type RuleObject,
} from '../compile/kernel-profile.ts'
import { run } from '../compile/path-automaton.ts'

export interface Evaluation {
  /** `report`: it is not expected, and not stopped. */
  readonly verdict: 'allow' | 'deny' | 'report'
  readonly tag: BehaviourTag
}

type ConnectObject = Extract<BehaviourObject, { kind: 'connect' }>
type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** The beginning of a path that was too long to report. */
const CUT = '…'

/** Evaluates a {@link KernelProfile} as the kernel programs do, for tests and tools. */
export class KernelReading {
  readonly #profile: KernelProfile
  readonly #rules = new Map<string, KernelRule>()
  readonly #shipped: ReadonlySet<string>

  constructor(profile: KernelProfile) {
    this.#profile = profile
    this.#shipped = new Set(profile.shipped)
    for (const rule of profile.rules) {
      this.#rules.set(ruleKey(rule), rule)
    }
  }

  /** Undefined if no rule applies: the behaviour is not expected. */
  evaluate(ref: BehaviourRef): Evaluation | undefined {
    const object = literalObject(plainObject(ref))
    const found = this.#decide(ref, object)
    if (found !== undefined || object.kind !== 'file') return found
    if (object.access === 'create') return this.#decide(ref, { ...object, access: 'write' })
    return object.access === 'delete' ? this.#byRename(ref, object) : undefined
  }

  #byRename(ref: BehaviourRef, object: FileObject): Evaluation | undefined {
    if (this.#isFixed(object, object.path)) return undefined
    const made =
      this.#decide(ref, { ...object, access: 'create' }) ??
      this.#decide(ref, { ...object, access: 'write' })
    if (made?.verdict !== 'allow') return undefined
    const exact = this.#rule(ref, { kind: 'rename-source', path: object.path })
    if (exact !== undefined) return exact
    const set = run(this.#profile.automaton, bytesOfName(object.path))
    return set === 0 ? undefined : this.#rule(ref, { kind: 'rename-source-pattern', set })
  }

  #decide(ref: BehaviourRef, object: BehaviourObject): Evaluation | undefined {
    const found =
      this.#rule(ref, object) ?? this.#asShipped(ref, object) ?? this.#wider(ref, object)
    if (found !== undefined || object.kind !== 'exec' || object.args === undefined) return found
    return this.#rule(ref, anyArguments(object))
  }

  /** The kernel sees the layer of what it opens; a source that does not is given the benefit of the doubt. */
  #asShipped(ref: BehaviourRef, object: BehaviourObject): Evaluation | undefined {
    if (object.kind !== 'file' || object.access !== 'read' || ref.layer === 'container') return
    return this.#rule(ref, { kind: 'shipped-file', path: object.path })
  }

  #wider(ref: BehaviourRef, object: BehaviourObject): Evaluation | undefined {
    const byRange = this.#byRange(ref, object)
    if (byRange !== undefined) return byRange
    const anybody = ofAnybody(object)
    if (anybody !== undefined) return this.#rule(ref, anybody)
    if (object.kind === 'connect' && object.protocol !== 'unix') {
      return (
        this.#byWildcard(ref, object) ?? this.#byAddress(ref, object) ?? this.#byPrefix(ref, object)
      )
    }
    if (object.kind === 'file' && object.access === 'exec') {
      return this.#rule(ref, { kind: 'foreign-code' })
    }
    const subject = subjectOf(ref)
    if (subject === undefined || this.#isFixed(object, subject)) return undefined
    const set = run(this.#profile.automaton, bytesOfName(subject))
    if (set === 0) return undefined
    if (object.kind === 'syscall') {
      return this.#rule(ref, { kind: 'syscall-pattern', name: object.name, set })
    }
    if (object.kind === 'connect') return this.#rule(ref, { kind: 'socket-pattern', set })
    if (object.kind === 'exec') {
      const { path, drift, socketStdio } = object
      const flags = {
        ...(drift === undefined ? {} : { drift }),
        ...(socketStdio === undefined ? {} : { socketStdio }),
      }
      return this.#rule(ref, { kind: 'exec-pattern', path, ...flags, set })
    }
    if (object.kind !== 'file' || object.access === 'exec') return undefined
    return this.#rule(ref, { kind: 'file-pattern', access: object.access, set })
  }

  #byPrefix(ref: BehaviourRef, { protocol, port }: ConnectObject): Evaluation | undefined {
    const prefix = this.#longestPrefix(ref.address ?? '')
    if (prefix === undefined) return undefined
    return this.#rule(ref, { kind: 'connect-prefix', protocol, port, prefix })
  }

  #byWildcard(ref: BehaviourRef, object: ConnectObject): Evaluation | undefined {
    const wildcard = wildcardOf(object)
    return wildcard === undefined ? undefined : this.#rule(ref, wildcard)
  }

  /** What is not expected by its DNS name may be by its address. */
  #byAddress(ref: BehaviourRef, object: ConnectObject): Evaluation | undefined {
    const { address } = ref
    if (address === undefined || !isDnsPeer(object.peer)) return undefined
    const other = { ...object, peer: address }
    return this.#rule(ref, other) ?? this.#byRange(ref, other)
  }

  #byRange(ref: BehaviourRef, object: BehaviourObject): Evaluation | undefined {
    if (object.kind !== 'connect' && object.kind !== 'listen') return undefined
    const drawn = drawnOf(object)
    if (drawn === undefined) return undefined
    const { actor, uid, origin } = ref
    const found = this.#rules.get(ruleKey({ actor, uid, origin, object: drawn }))?.object
    const isIn = found !== undefined && 'range' in found && holdsPort(found.range, object.port)
    return isIn ? this.#rule(ref, drawn) : undefined
  }

  /** Cut, or shipped by the image; what a system call is about is not asked for that. */
  #isFixed(object: BehaviourObject, subject: string): boolean {
    if (object.kind !== 'file') return false
    const cut = object.path.startsWith(CUT) || object.to?.startsWith(CUT) === true
    return cut || this.#shipped.has(firstPath(subject))
  }

  #longestPrefix(text: string): number | undefined {
    const address = parseAddress(text)
    if (address === undefined) return undefined
    let best: { readonly number: number; readonly length: number } | undefined
    for (const { cidr, number } of this.#profile.prefixes) {
      const block = parseBlock(cidr)
      if (block === undefined || !holds(block, address)) continue
      if (best === undefined || block.length > best.length) best = { number, length: block.length }
    }
    return best?.number
  }

  #rule(ref: BehaviourRef, object: RuleObject): Evaluation | undefined {
    const { actor, uid, origin } = ref
    const rule = this.#rules.get(ruleKey({ actor, uid, origin, object }))
    if (rule === undefined) return undefined
    const unless = rule.report === true ? 'report' : 'allow'
    return { verdict: rule.deny === true ? 'deny' : unless, tag: rule.tag }
  }
}

function literalObject(object: BehaviourObject): BehaviourObject {
  if (object.kind === 'syscall') {
    return object.target === undefined ? object : { ...object, target: literalPath(object.target) }
  }
  if (object.kind !== 'file') return object
  const path = literalPath(object.path)
  return object.to === undefined
    ? { ...object, path }
    : { ...object, path, to: literalPath(object.to) }
}
