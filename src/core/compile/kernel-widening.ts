import type { Origin } from '../event/event-words.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { BehaviourObject } from '../behaviour/behaviour.ts'
import { actorText, objectText } from '../behaviour/describe.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { type PathPattern, text } from '../behaviour/language.ts'
import type { Widening } from '../behaviour/widening.ts'
import { BEGINNING, beginningOf, folderOf, pathBeginningOf, statesOf } from './folder-of.ts'
import type { LiteralClaim, PatternClaim } from './kernel-claim.ts'
import type { Claims } from './kernel-claims.ts'
import { shorterRejection } from './kernel-rejections.ts'
import type { ShippedFiles } from './shipped-files.ts'
import { anyArguments } from '../behaviour/subject.ts'
import { RENAMES_TO } from '../behaviour/shape-pattern.ts'
import { userText } from '../behaviour/user.ts'

/** What a pattern `folder/*` can stand for. */
interface Member {
  readonly group: string
  readonly origin: Origin
  readonly allowance: Allowance
  readonly folder: PathPattern
  readonly begins: boolean
  /** Literal rules that the kernel gets until the folder is widened. */
  readonly claim: LiteralClaim | PatternClaim
}

/** The pattern `folder/*`, or one of long names that begin alike, for one actor, uid, access and origin. */
interface Folder {
  readonly group: string
  readonly origin: Origin
  readonly pattern: PathPattern
  readonly givesAway?: true
  /** The pattern takes all that begins so. */
  readonly begins: boolean
  /** Of what it stands for, the one with the least id. */
  readonly allowance: Allowance
  readonly members: number
}

/**
 * Makes a profile smaller by merging the files of a folder into a pattern, largest folders first. INVARIANT: expected
 * behaviour stays expected; no such pattern includes files that a person rejected, that run, or that the image ships.
 */
export class KernelWidening {
  readonly #literals: readonly LiteralClaim[]
  readonly #patterns: readonly PatternClaim[]
  readonly #members = new Map<LiteralClaim | PatternClaim, Member>()
  readonly #known: ProfileReader
  readonly #shipped: ShippedFiles
  readonly #folders = new Map<string, Folder>()
  /** Rejected command lines of which only the beginning stays. */
  readonly #shorter = new Map<PatternClaim, PatternClaim>()
  /** With too many states, this many folders are widened next: the excess is not known in advance. */
  #step = 1

  constructor(claims: Claims, known: ProfileReader, shipped: ShippedFiles) {
    this.#literals = [...claims.literals.values()]
    this.#patterns = claims.patterns
    this.#known = known
    this.#shipped = shipped
  }

  /** Rules that are still literal. */
  literals(): readonly LiteralClaim[] {
    if (this.#folders.size === 0) return this.#literals
    return this.#literals.filter((claim) => !this.#stoodFor(this.#members.get(claim)))
  }

  /** The patterns, the widest last. */
  patterns(): readonly PatternClaim[] {
    const exact = this.#patterns.filter((claim) => !this.#stoodFor(this.#members.get(claim)))
    return [...exact.map((claim) => this.#shorter.get(claim) ?? claim), ...this.#folders.values()]
  }

  widenings(): readonly Widening[] {
    return [...this.#folders.values()].map(({ group, origin, pattern, allowance }) => ({
      group,
      origin,
      pattern,
      id: allowance.id,
      key: allowance.key,
    }))
  }

  /** Sentences about what was widened. */
  sentences(): readonly string[] {
    const reported = [...this.#folders.values()].map(({ allowance, members, begins }) => {
      const { actor, uid, object } = allowance
      if (object.kind === 'exec') {
        const what = objectText(anyArguments(object))
        const lines = members === 1 ? 'a known command line does' : 'its known command lines do'
        const why = `${lines} not fit into the kernel`
        return `${actorText(actor)} as ${userText(uid)} may run ${what} with arguments that only begin as known in the kernel's profile: ${why}`
      }
      const access = object.kind === 'file' ? object.access : object.kind
      const path = objectText(object)
      if (begins) {
        const names = path.split(RENAMES_TO).map((name) => `${name.slice(0, BEGINNING)}…`)
        return (
          `${actorText(actor)} as ${userText(uid)} may ${access} anything that begins as ` +
          `${names.join(RENAMES_TO)} in the kernel's profile, except files of the image. ` +
          'Known paths are too long for the kernel'
        )
      }
      const folder = path.slice(0, path.lastIndexOf('/') + 1)
      return (
        `${actorText(actor)} as ${userText(uid)} may ${access} anything in ${folder} in the kernel's profile, ` +
        `except files of the image. Its ${members} known paths do not fit into the kernel`
      )
    })
    const refused = [...this.#shorter.keys()].map(({ allowance: { actor, uid, object } }) => {
      const what = object.kind === 'exec' ? objectText(anyArguments(object)) : ''
      const why = 'a rejected command line does not fit into the kernel'
      return `${actorText(actor)} as ${userText(uid)} may not run ${what} with arguments that begin as rejected in the kernel's profile: ${why}`
    })
    return [...new Set([...reported, ...refused])].sort()
  }

  /** Widens the largest folders until about this many rules are saved. False if nothing is left to widen. */
  saveRules(tooMany: number): boolean {
    const members = this.#widenable(this.literals(), literalMember)
    const crowded = [...byKey(members, keyOf).values()]
      .filter((list) => list.length > 1)
      .sort((a, b) => b.length - a.length)
    let saved = 0
    for (const list of crowded) {
      if (saved >= tooMany) break
      this.#widen(list)
      saved += list.length - 1
    }
    return saved > 0
  }

  /** Widens where patterns are longest and most, for all who have them: they share their states. */
  saveStates(): boolean {
    const exact = this.#patterns.filter((claim) => !this.#stoodFor(this.#members.get(claim)))
    const members = this.#widenable(exact, patternMember)
    const folders = [...byKey(members, ({ folder }) => folder.source).values()]
      .map((list) => ({ list, saved: statesSaved(list) }))
      .filter(({ saved }) => saved > 0)
      .sort((a, b) => b.saved - a.saved)
    for (const { list } of folders.slice(0, this.#step)) {
      for (const some of byKey(list, keyOf).values()) this.#widen(some)
    }
    this.#step *= 2
    return folders.length > 0 || this.#shorten() || this.#shortenRejections()
  }

  /** Of folders whose own names are long only the beginning stays. False where there is none. */
  #shorten(): boolean {
    const before = [...this.#folders].flatMap(([key, folder]) => {
      const pattern = folder.begins ? undefined : pathBeginningOf(folder.pattern.language)
      return pattern === undefined ? [] : [[key, { ...folder, pattern, begins: true }] as const]
    })
    for (const [key, folder] of before) this.#folders.set(key, folder)
    return before.length > 0
  }

  /** Last: whether one would refuse what is expected is asked of what the kernel gets. */
  #shortenRejections(): boolean {
    const before = this.#shorter.size
    const expecting = this.patterns().filter(({ origin }) => origin !== undefined)
    const literals = new Set(this.literals().map(({ group }) => group))
    for (const claim of this.#patterns) {
      if (this.#shorter.has(claim) || literals.has(claim.group)) continue
      const alike = expecting.filter(({ group }) => group === claim.group)
      const shorter = shorterRejection(
        claim,
        alike.map(({ pattern }) => pattern.language),
      )
      if (shorter !== undefined) this.#shorter.set(claim, shorter)
    }
    return this.#shorter.size > before
  }

  #stoodFor(member: Member | undefined): boolean {
    return member !== undefined && this.#folders.has(keyOf(member))
  }

  #widenable<C extends LiteralClaim | PatternClaim>(
    claims: readonly C[],
    memberOf: (claim: C) => Member | undefined,
  ): readonly Member[] {
    const fresh = claims.flatMap((claim) => memberOf(claim) ?? [])
    const fixed = this.#shipped.among(fresh.flatMap(({ claim }) => pathOf(claim)))
    return fresh.filter((member) => {
      const [path] = pathOf(member.claim)
      if (path === undefined) return true
      if (fixed.has(path)) return false
      return !this.#known.patterns.refused(member.group).some((refused) => refused.concerns(path))
    })
  }

  #widen(members: readonly Member[]): void {
    const [first] = members
    if (first === undefined) return
    const { group, origin, folder, claim, begins } = first
    const before = this.#folders.get(keyOf(first))
    for (const member of members) this.#members.set(member.claim, member)
    const least = [...members, ...(before === undefined ? [] : [before])]
      .map(({ allowance }) => allowance)
      .reduce((a, b) => (b.id < a.id ? b : a))
    this.#folders.set(keyOf(first), {
      group,
      origin,
      // Those that come to a folder which was shortened have the folder's long name as well.
      pattern: before?.pattern ?? folder,
      ...('givesAway' in claim && claim.givesAway === true ? { givesAway: true as const } : {}),
      begins: before?.begins ?? begins,
      allowance: least,
      members: members.length + (before?.members ?? 0),
    })
  }
}

function pathOf(claim: LiteralClaim | PatternClaim): readonly string[] {
  return 'rule' in claim && claim.subject !== undefined ? [claim.subject] : []
}

function keyOf({ group, origin, folder }: Member): string {
  return `${group}\u0000${origin}\u0000${folder.source}`
}

function byKey(
  members: readonly Member[],
  key: (member: Member) => string,
): ReadonlyMap<string, readonly Member[]> {
  const lists = new Map<string, Member[]>()
  for (const member of members) {
    const list = lists.get(key(member))
    if (list === undefined) lists.set(key(member), [member])
    else list.push(member)
  }
  return lists
}

/** Excludes programs that run, and renames: two paths have two folders. */
function inFolder(object: BehaviourObject): boolean {
  return object.kind === 'file' && object.to === undefined && object.path.startsWith('/')
}

function literalMember(claim: LiteralClaim): Member | undefined {
  const { rule, allowance, group, subject } = claim
  if (rule.deny === true || group === undefined || subject === undefined) return undefined
  const folder = inFolder(allowance.object) ? folderOf(text(subject)) : undefined
  return folder === undefined
    ? undefined
    : { group, origin: rule.origin, allowance, folder, begins: false, claim }
}

function patternMember(claim: PatternClaim): Member | undefined {
  const { allowance, group, origin } = claim
  if (origin === undefined) return undefined
  const { language } = claim.pattern
  const isRun = allowance.object.kind === 'exec'
  const whole = !isRun && inFolder(allowance.object) ? folderOf(language) : undefined
  if (whole !== undefined && statesOf(whole.language) <= BEGINNING) {
    return { group, origin, allowance, folder: whole, begins: false, claim }
  }
  const folder = isRun ? beginningOf(language) : pathBeginningOf(language)
  return folder === undefined
    ? undefined
    : { group, origin, allowance, folder, begins: true, claim }
}

function statesSaved(members: readonly Member[]): number {
  const patterns = new Map<string, number>()
  for (const { claim } of members) {
    if ('pattern' in claim) patterns.set(claim.pattern.source, statesOf(claim.pattern.language))
  }
  const all = [...patterns.values()].reduce((sum, one) => sum + one, 0)
  const [first] = members
  return first === undefined ? 0 : all - statesOf(first.folder.language)
}
