import type { Origin } from '../event/event-words.ts'
import { type Actor, type BehaviourObject, objectKey } from '../behaviour/behaviour.ts'
import type { PortRange } from '../behaviour/ports.ts'
import type { User } from '../behaviour/user.ts'

/** The first 16 hex digits of a behaviour's id, by which the kernel reports counts. */
export type BehaviourTag = string & { readonly __brand: 'BehaviourTag' }

/** Of rules with `report`, which stand for no behaviour: `SNUG_REPORT_TAG` of the sensor. */
export const reportTag = 'ffffffffffffffff' as BehaviourTag

export function tagOf(id: string): BehaviourTag {
  return id.slice(1, 17) as BehaviourTag
}

/**
 * What a rule is about: a literal object, or one of a set of patterns, or of a block of addresses. The paths of a
 * literal object are as a name's text has them (`bytesOfName`), not in the language of shapes: no `<lt>`.
 */
export type RuleObject =
  | BehaviourObject
  /** Any port of the range, at that peer or address. */
  | (Extract<BehaviourObject, { kind: 'connect' | 'listen' }> & {
      readonly drawn: true
      readonly range: PortRange
    })
  /** Reads the path where the file is as the image ships it. */
  | { readonly kind: 'shipped-file'; readonly path: string }
  /** Renaming the path to any name. No event consists of this alone; see 3. */
  | { readonly kind: 'rename-source'; readonly path: string }
  | { readonly kind: 'rename-source-pattern'; readonly set: number }
  /** Any path that ends in this accepting set of the automaton; of a rename, `path NUL to`. */
  | {
      readonly kind: 'file-pattern'
      readonly access: 'read' | 'write' | 'create' | 'delete' | 'rename' | 'setattr'
      readonly set: number
    }
  /** An access to files of this set that stays strict in a job. It belongs to no actor. */
  | { readonly kind: 'guard'; readonly access: string; readonly set: number }
  /** Any file that the image did not ship, as code that the program maps. Only with `report`. */
  | { readonly kind: 'foreign-code' }
  | { readonly kind: 'syscall-pattern'; readonly name: string; readonly set: number }
  /** A unix socket whose path ends in this set. */
  | { readonly kind: 'socket-pattern'; readonly set: number }
  /** A program with arguments that end in this set; of 0: that it may be run with some arguments at all. */
  | {
      readonly kind: 'exec-pattern'
      readonly path: string
      readonly drift?: true
      readonly socketStdio?: true
      readonly set: number
    }
  /** Any address whose longest prefix is this one of `prefixes`. */
  | {
      readonly kind: 'connect-prefix'
      readonly protocol: string
      readonly port: number
      readonly prefix: number
    }

export interface KernelRule {
  readonly tag: BehaviourTag
  /** A person rejected it: no wider rule allows it. */
  readonly deny?: true
  /** It is reported, and not stopped: novelty, or code of a program that maps such. The tag is {@link reportTag}. */
  readonly report?: true
  /** Of a version of class `open`: any actor may do it. Then actor, user and origin are none. */
  readonly anyone?: true
  /** `(runtime)` stands for no parent at all. */
  readonly actor: Actor
  readonly uid: User
  readonly origin: Origin
  readonly object: RuleObject
}

const S = '\u0000'

/** What a rule is found by: of two with the same key one is meant. */
export function ruleKey({ anyone, actor, uid, origin, object }: Omit<KernelRule, 'tag'>): string {
  return [
    ...(anyone === true ? ['anyone'] : []),
    actor.exe,
    actor.script ?? '',
    uid,
    origin,
    ruleObjectKey(object),
  ].join(S)
}

function ruleObjectKey(object: RuleObject): string {
  switch (object.kind) {
    case 'foreign-code':
      return object.kind
    case 'shipped-file':
    case 'rename-source':
      return [object.kind, object.path].join(S)
    case 'rename-source-pattern':
    case 'socket-pattern':
      return [object.kind, object.set].join(S)
    case 'file-pattern':
    case 'guard':
      return [object.kind, object.access, object.set].join(S)
    case 'syscall-pattern':
      return [object.kind, object.name, object.set].join(S)
    case 'exec-pattern':
      return [object.kind, object.path, object.drift, object.socketStdio, object.set].join(S)
    case 'connect-prefix':
      return [object.kind, object.protocol, object.port, object.prefix].join(S)
    case 'exec':
    case 'file':
    case 'connect':
    case 'listen':
    case 'identity':
    case 'capability':
    case 'syscall':
      return objectKey(object)
  }
}

/** A deterministic automaton over bytes. State 0 is dead, state 1 is where it begins. */
export interface PathAutomaton {
  /** `next[state * 256 + byte]` is the state after it. */
  readonly next: Uint16Array
  /** Accepting set of each state; 0: accepts nothing. */
  readonly accept: Uint16Array
}

export interface AddressPrefix {
  /** In CIDR form, canonical: `10.0.0.0/8`, `2001:db8::/32`. */
  readonly cidr: string
  /** From 1. */
  readonly number: number
}

/**
 * A version's profile for the kernel: plain data, replaced as a whole. `evaluate` and the kernel
 * programs share its meaning, for one behaviour of an event by (actor, uid, origin):
 *
 * 1. A rule for the literal object decides: allowed or denied. For a read of a file that lies in
 * the image's layers, a rule for the shipped file decides as well. If the profile includes the
 * program's arguments, the accepting set of the event's arguments, as far as they are reported, is
 * looked up first.
 * 2. Else, for a path that is neither cut nor in `shipped`, a rule for the automaton's accepting
 * set decides. For a port, a rule for the range that the actor draws from at that peer or address decides. Else, for a
 * connection to a peer by DNS name, a rule for the wildcard that the name is of decides; else what 1 and 2 say of the
 * address. Else, for a connection, the longest prefix that contains the address decides.
 * 3. Else, creating a file is allowed where writing it is. A path that is neither cut nor in
 * `shipped` may be deleted by an actor that 1 to 3 allow to create it and that 1 and 2 allow to
 * rename it.
 * 4. Else it is not expected. An event is expected if each of its behaviours is.
 *
 * In a job, files that no rule is about are reported, and not stopped, unless a guard is about the access and the set. The
 * same in a version of class `open`, where for connections and changes of identity only rules with `anyone` count. What
 * they allow, and what root gives up, is reported, and not stopped: the matcher decides whether it is expected.
 *
 * What a rule with `report` decides is not expected either. It is reported, and not stopped. Such rules are about
 * capabilities, and about files that are mapped as code: all of them are reported, as the sensor knows no image, and the
 * matcher decides which are expected.
 *
 * Kinds that no source observed during learning are not expected either; the matcher reports them
 * as unprofiled. A version with such a kind never blocks (see `KernelProfiles`).
 */
export interface KernelProfile {
  readonly rules: readonly KernelRule[]
  readonly automaton: PathAutomaton
  readonly prefixes: readonly AddressPrefix[]
  /** Paths that the image ships and a pattern would take: patterns do not apply to them. */
  readonly shipped: readonly string[]
  /** Sentences about each rule that is wider in the kernel than in the profile. */
  readonly widened: readonly string[]
}
