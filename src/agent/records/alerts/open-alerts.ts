import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Alert } from '../../../core/event/alert.ts'
import { wholeText } from '../../../core/behaviour/whole-text.ts'
import { causesApart } from '../../../core/match/cause.ts'
import {
  anyGroupOf,
  besideFingerprint,
  causeFingerprint,
  groupOf,
  isWide,
  ownFingerprint,
  rowFingerprint,
  storedFingerprint,
  wideFingerprint,
  wideId,
} from './cause-fingerprint.ts'
import { widened } from './cause-fold.ts'
import type { Finding, FindingCause } from '../../pipeline/alerts/finding.ts'
import { aboutOf, isNovelty, joinsOthers } from './finding.ts'
import { rowKind, SiblingCauses } from './sibling-causes.ts'

/** Events for which the agent remembers the alert that they share. */
export const sharesKept = 20_000

/** Where a finding belongs. */
export interface Placement {
  readonly fingerprint: string
  /**
   * The alert of one cause that is to have the fingerprint, as it is then: with the finding it becomes that of several
   * ({@link OpenAlerts.join}).
   */
  readonly first?: Alert
}

/**
 * Which alert an event belongs to: the one with its fingerprint, that of its cause, that of a row of folders, or the one
 * for further causes of its group. It keeps ids and fingerprints. The alerts themselves are in the store.
 */
export class OpenAlerts {
  readonly #alertOf: (id: string) => Alert | undefined
  /** Fingerprint → the open alert that has it. */
  readonly #open = new Map<string, string>()
  /** Alert → its fingerprint, also after a decision. */
  readonly #fingerprints = new Map<string, string>()
  /** Group of causes → number of open separate alerts. */
  readonly #apart = new Map<string, number>()
  /** Group of causes → the alert of its novelty, as long as it has one cause. */
  readonly #novel = new Map<string, string>()
  readonly #siblings = new SiblingCauses((id) => (this.#isOpen(id) ? this.#alertOf(id) : undefined))
  /** Alert that a second cause joined → the id of its first cause. */
  readonly #firstCauses = new Map<string, string>()
  readonly #shares = new Shares()

  /** `alertOf`: the alert with that id, as it is now. */
  constructor(alertOf: (id: string) => Alert | undefined) {
    this.#alertOf = alertOf
  }

  get size(): number {
    return this.#open.size
  }

  /** The alert that the finding belongs to, which may be a new one. */
  place(finding: Finding): Placement {
    const placement = this.#placementOf(finding)
    // One text for all that keep it.
    const fingerprint = wholeText(placement.fingerprint)
    if (fingerprint !== finding.fingerprint) this.#shares.set(finding.fingerprint, fingerprint)
    return { ...placement, fingerprint }
  }

  /** An alert is that of several causes from here on. */
  join(alert: Alert, fingerprint: string): void {
    const own = this.fingerprint(alert.id)
    this.#closeGroup(own)
    this.#joined(alert.id, fingerprint, own.slice(own.lastIndexOf('/') + 1))
    this.add(alert, fingerprint)
  }

  /** An open alert, new or opened again. */
  add(alert: Alert, fingerprint: string): void {
    const { id, novelty } = alert
    this.#fingerprints.set(id, fingerprint)
    const group = groupOf(fingerprint)
    if (group !== undefined && !this.#open.has(fingerprint)) {
      this.#apart.set(group, (this.#apart.get(group) ?? 0) + 1)
    }
    this.#open.set(fingerprint, id)
    if (group !== undefined && novelty === true) this.#novel.set(group, id)
    this.#siblings.addAlert(alert, anyGroupOf(fingerprint))
  }

  /** A stored alert, with the fingerprint of {@link stored}. Returns the one that it is open by. */
  restore({ id }: Alert, stored: string): string {
    const { fingerprint, first } = storedFingerprint(stored)
    if (first !== undefined) this.#joined(id, fingerprint, first)
    return wholeText(fingerprint)
  }

  /** An alert that somebody decided on. */
  addDecided({ id }: Alert, fingerprint: string): void {
    this.#fingerprints.set(id, fingerprint)
  }

  /** Folders beside that of the finding join its alert too. */
  addSiblings({ id, novelty }: Alert, finding: Finding): void {
    const about = aboutOf(finding)
    if (about !== undefined && novelty !== true) this.#siblings.add(id, about)
  }

  /** False if the alert was not open, or if a newer one has its fingerprint. */
  close(id: string): boolean {
    const fingerprint = this.fingerprint(id)
    if (!this.#isOpen(id)) return false
    this.#closeGroup(fingerprint)
    return true
  }

  forget(id: string): void {
    this.#fingerprints.delete(id)
    this.#firstCauses.delete(id)
  }

  /** Empty for an alert that is not known. */
  fingerprint(id: string): string {
    return this.#fingerprints.get(id) ?? ''
  }

  /** The fingerprint as the store keeps it: with the first cause of an alert that a second one joined. */
  stored(id: string, fingerprint = this.fingerprint(id)): string {
    const first = this.#firstCauses.get(id)
    return first === undefined ? fingerprint : `${fingerprint}/${first}`
  }

  /** Whether an open alert has exactly this fingerprint. */
  has(fingerprint: string): boolean {
    return this.#open.has(fingerprint)
  }

  /** The open alert with exactly this fingerprint. */
  idOf(fingerprint: string): string | undefined {
    return this.#open.get(fingerprint)
  }

  /** The open alert that counts the event with this fingerprint. */
  idFor(fingerprint: string): string | undefined {
    return this.#open.get(fingerprint) ?? this.#open.get(this.sharedFingerprint(fingerprint))
  }

  /** Fingerprint of the alert that an event shares, or its own fingerprint if it shares none. */
  sharedFingerprint(fingerprint: string): string {
    const shared = this.#shares.get(fingerprint) ?? fingerprint
    return this.#open.has(shared) ? shared : (this.#shares.get(shared) ?? shared)
  }

  /** Open alerts of single causes in the group of the cause. */
  apart({ cause, scope }: FindingCause): number {
    return this.#apart.get(`${scope}${cause.group}`) ?? 0
  }

  /** The cause has a separate alert, or shares that of its row, or the one of its group and severity. */
  #placementOf(finding: Finding): Placement {
    const { cause: found, fingerprint, severity } = finding
    if (found === undefined) return { fingerprint }
    const { cause, scope } = found
    // The alert of a component rises in severity, and stays the one.
    if (found.part !== undefined) return { fingerprint: causeFingerprint(cause, scope) }
    if (found.instance !== undefined)
      return { fingerprint: wideFingerprint(cause, scope, severity) }
    const own = ownFingerprint(cause, scope, severity)
    if (this.#open.has(own)) return { fingerprint: own }
    const isJoined = joinsOthers(finding, cause)
    const about = isJoined ? undefined : aboutOf(finding)
    const sibling = about && this.#siblings.of(about)
    if (about !== undefined && sibling !== undefined) {
      const known = this.fingerprint(sibling.id)
      if (isWide(known)) return { fingerprint: known }
      const kind = rowKind(about)
      const row = rowFingerprint(cause, scope, severity, kind)
      return this.#joining(row, sibling, wideId(cause, kind))
    }
    if (this.#hasRoom(finding, found)) return { fingerprint: own }
    const wide = wideFingerprint(cause, scope, severity)
    return this.#joining(wide, isJoined ? this.#novelty(found) : undefined, wideId(cause))
  }

  /** An open alert has the fingerprint, or `first` is to get it. */
  #joining(fingerprint: string, first: Alert | undefined, shared: string): Placement {
    if (first?.cause === undefined || this.#open.has(fingerprint) || !this.#isOpen(first.id))
      return { fingerprint }
    return { fingerprint, first: { ...first, cause: widened(first.cause, shared) } }
  }

  #hasRoom(finding: Finding, found: FindingCause): boolean {
    const { cause, scope } = found
    const isJoined = joinsOthers(finding, cause)
    if (isJoined && this.#open.has(wideFingerprint(cause, scope, finding.severity))) return false
    return this.apart(found) < causesApart(cause.access, isNovelty(finding))
  }

  #novelty({ cause, scope }: FindingCause): Alert | undefined {
    const id = this.#novel.get(`${scope}${cause.group}`)
    const alert = id === undefined ? undefined : this.#alertOf(id)
    return alert?.novelty === true ? alert : undefined
  }

  /** What counts for the alert of its first cause counts for the alert of all causes. */
  #joined(id: string, fingerprint: string, first: string): void {
    this.#firstCauses.set(id, first)
    this.#shares.set(besideFingerprint(fingerprint, first), fingerprint)
  }

  #isOpen(id: string): boolean {
    return this.#open.get(this.fingerprint(id)) === id
  }

  #closeGroup(fingerprint: string): void {
    const id = this.#open.get(fingerprint)
    this.#open.delete(fingerprint)
    const group = groupOf(fingerprint)
    const left = group === undefined ? undefined : (this.#apart.get(group) ?? 1) - 1
    if (group !== undefined && left !== undefined) {
      if (left > 0) this.#apart.set(group, left)
      else this.#apart.delete(group)
      if (this.#novel.get(group) === id) this.#novel.delete(group)
    }
  }
}

/** Fingerprints of events, and of alerts that a second cause joined, with that of the alert that they share. */
class Shares {
  readonly #shared = new LRUCache<string, string>({ max: sharesKept })

  get(fingerprint: string): string | undefined {
    return this.#shared.get(shortOf(fingerprint))
  }

  set(fingerprint: string, shared: string): void {
    this.#shared.set(shortOf(fingerprint), shared)
  }
}

/** A fingerprint that names an image and a path has hundreds of characters, and is only looked up. */
function shortOf(fingerprint: string): string {
  return createHash('sha256').update(fingerprint).digest().toString('base64url', 0, 16)
}
