import { describeError } from '../errors.ts'
import type { FleetImage, FleetWord, KubeFleet, KubeFleetOptions } from '../kube/kube-fleet.ts'
import { learnedElsewhere } from '../lifecycle/learned-elsewhere.ts'
import { compareWords, isAsSaid, latestWord, type ModeWord } from '../lifecycle/mode-word.ts'
import type { BehaviourId } from '../profile/behaviour.ts'
import { type ProfileEntry, sameDecision } from '../profile/profile-entry.ts'
import { sharedForm } from '../profile/shared-form.ts'
import type { Daemon } from './daemon.ts'
import type { DeployedVersion, HeardMode } from './deployed-version.ts'
import type { Decider } from './engine.ts'
import { ShareSchedule } from './share-schedule.ts'
import type { SnugEngine } from './snug-engine.ts'

export type FleetLink = Pick<KubeFleetOptions, 'onEntries' | 'onWord' | 'onWordGone' | 'onError'>

export interface FleetDeskOptions {
  readonly daemon: Daemon
  readonly engine: SnugEngine
  readonly makeFleet: (link: FleetLink) => KubeFleet
  /** What this node learned is told within so long, in milliseconds. */
  readonly shareWithinMs: number
  readonly random?: () => number
  /** How often what is heard is taken in, in milliseconds. */
  readonly tickMs?: number
}

const secondMs = 1_000

/**
 * One profile for the fleet: takes in what other nodes learned and what people decided, and tells what this node has that
 * nobody has told. The rule for two decisions is the same wherever they are made: the later stands, and git above all.
 */
export class FleetDesk {
  readonly #options: FleetDeskOptions
  readonly #fleet: KubeFleet
  readonly #words = new Map<string, FleetWord>()
  /** Versions that others told something of that is not taken in yet. */
  readonly #told = new Set<string>()
  readonly #schedule: ShareSchedule<DeployedVersion>
  /** Modes that a gate is shut for, by the time of the word that asks. */
  readonly #refused = new Map<string, string>()
  #hearing = false
  #publishing = false
  #timer: NodeJS.Timeout | undefined

  constructor(options: FleetDeskOptions) {
    this.#options = options
    const { shareWithinMs, random = Math.random } = options
    this.#schedule = new ShareSchedule({ withinMs: shareWithinMs, random })
    const { log } = options.daemon.parts
    this.#fleet = options.makeFleet({
      onEntries: (image) => this.#told.add(nameOf(image)),
      onWord: (word) => this.#words.set(nameOf(word.image), word),
      onWordGone: (image) => this.#words.delete(nameOf(image)),
      onError: (what, error) =>
        log.warn({ what, error: describeError(error) }, 'the fleet was not told'),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#timer = setInterval(() => void this.#tick(), this.#options.tickMs ?? secondMs)
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
    await this.#fleet.start(signal)
  }

  async #tick(): Promise<void> {
    const { daemon } = this.#options
    const { fault } = this.#fleet
    if (fault === undefined) daemon.faults.delete('fleet')
    else daemon.faults.set('fleet', fault)
    if (!this.#hearing) await this.#hearAll()
    if (!this.#publishing) await this.#publish()
  }

  async #hearAll(): Promise<void> {
    const { daemon } = this.#options
    this.#hearing = true
    try {
      for (const version of daemon.shelf.versions) {
        const name = nameOf(version.image)
        // First seen, maybe taken back from the store: what was told before is taken in again.
        const isFirst = this.#schedule.add(version, daemon.now())
        // Each by itself: more is told of others, and of this one, while a word is being heard.
        if (this.#told.delete(name) || isFirst) this.#takeIn(version)
        const word = this.#words.get(name)
        if (word !== undefined) await this.#hear(version, word)
        await this.#hearMode(version, word)
      }
    } finally {
      this.#hearing = false
    }
  }

  #takeIn(version: DeployedVersion): void {
    const { shelf, kernel } = this.#options.daemon
    const news = this.#fleet
      .entries(version.image)
      .filter((entry) => !holds(version.profile.entry(entry.id), entry))
    if (news.length > 0) {
      version.profile.merge(news)
      version.news = true
      version.changed = true
      kernel.decided(version, true)
    }
    const learned = this.#fleet.learned(version.image)
    // One that a person set back to learning has been learned here before.
    if (learned === undefined || version.learnedSize > 0) return
    const nowMs = this.#options.daemon.now()
    shelf.apply(version, learnedElsewhere(version.life, learned, shelf.rules.after, nowMs))
  }

  async #hear(version: DeployedVersion, word: FleetWord): Promise<void> {
    const isNew = !isHeard(version, word)
    const awaited = new Set(version.heard.awaited)
    const hears = (id: string): boolean => isNew || word.isGit || awaited.has(id)
    const standing = (ids: readonly string[], what: Word): readonly string[] =>
      ids.filter((id) => hears(id) && bearing(version, id, word, what) === 'stands')
    const approve = standing(word.approve, 'approve')
    const reject = standing(word.reject, 'reject')
    if (!isNew && approve.length + reject.length === 0) return
    const by: Decider = { who: word.by, at: word.at }
    const ref = nameOf(version.image)
    const { engine } = this.#options
    if (approve.length > 0) await engine.approve(ref, approve, by, { quarantined: true })
    if (reject.length > 0) await engine.reject(ref, reject, by)
    if (isNew && word.approveAll) await engine.approve(ref, undefined, by)
    const { profile, generation } = word
    const mode = heardMode(version, word, this.#options.daemon.now())
    const awaits = awaitedOf(version, word, isNew)
    version.heard = {
      profile,
      generation,
      awaited: awaits,
      ...(mode === undefined ? {} : { mode }),
    }
    version.changed = true
  }

  /** Goes by the word that stands: once, so that the version may go on from there by itself; by that of git always. */
  async #hearMode(version: DeployedVersion, word: FleetWord | undefined): Promise<void> {
    const said = word === undefined ? undefined : modeWordOf(version, word)
    const isHeld = word?.isGit === true && said !== undefined
    const { own, done } = version.modeWords
    const stands = isHeld ? said : latestWord([said, own, ...this.#fleet.modeWords(version.image)])
    if (stands === undefined) return
    if (isHeld ? stands.mode === version.life.mode : isPast(stands, done)) return
    const ref = nameOf(version.image)
    if (!isHeld && isAsSaid(version.life, stands)) {
      version.modeWords = { ...version.modeWords, done: stands }
      version.changed = true
      return
    }
    const { mode, by: who, at, reason, canary } = stands
    const by: Decider = { who, at, ...(reason === undefined ? {} : { reason }) }
    try {
      await this.#options.engine.setMode(ref, mode, by, canary)
      this.#refused.delete(ref)
    } catch (error) {
      // A gate is shut still: it is tried again, and said once.
      if (this.#refused.get(ref) === at) return
      this.#refused.set(ref, at)
      const fields = { image: ref, mode, by: who, error: describeError(error) }
      this.#options.daemon.parts.log.warn(
        fields,
        'the mode that was asked for is not to be had yet',
      )
    }
  }

  async #publish(): Promise<void> {
    const { daemon } = this.#options
    if (!this.#fleet.ready) return
    this.#publishing = true
    try {
      for (const version of this.#schedule.due(daemon.now())) {
        const before = this.#fleet.writes
        await this.#fleet.publish(this.#contribution(version))
        const wrote = this.#fleet.writes > before
        this.#schedule.told(version, daemon.now(), wrote)
        if (wrote) break
      }
    } finally {
      this.#publishing = false
    }
  }

  #contribution(version: DeployedVersion): Parameters<KubeFleet['publish']>[0] {
    const { node } = this.#options.daemon.parts
    const { image, life, profile } = version
    const { pending, quarantined } = profile.countByState()
    const isLearned =
      life.learnedAt !== undefined && life.state !== 'learning' && life.holes === undefined
    const entries = profile
      .entries()
      .map((entry) => sharedForm(entry, node))
      .filter((entry) => entry !== undefined)
    return {
      image,
      entries,
      ...(isLearned ? { learnedAt: new Date(life.learnedAt).toISOString() } : {}),
      ...(version.modeWords.own === undefined ? {} : { mode: version.modeWords.own }),
      summary: {
        state: life.state,
        mode: life.mode,
        behaviours: profile.size,
        pending: pending + quarantined,
        because: life.because,
      },
    }
  }
}

function modeWordOf({ heard }: DeployedVersion, { mode }: FleetWord): ModeWord | undefined {
  if (mode === undefined) return undefined
  return { mode: mode.is, by: mode.by, at: heard.mode?.at ?? mode.at }
}

/** Since when the mode is said: heard now, it was said now, where the server noted no other time than for what was before. */
function heardMode(
  { heard }: DeployedVersion,
  { mode, isGit, profile }: FleetWord,
  nowMs: number,
): HeardMode | undefined {
  if (mode === undefined) return undefined
  const { is, at: noted } = mode
  const before = heard.profile === profile ? heard.mode : undefined
  if (before?.is === is && before.isGit === isGit) return { ...before, noted }
  if (before?.noted !== noted) return { is, isGit, at: noted, noted }
  // In whole seconds, as the server would; of two within one second the later is the later.
  const atMs = Math.max(Math.floor(nowMs / secondMs) * secondMs, Date.parse(before.at) + 1)
  return { is, isGit, at: new Date(atMs).toISOString(), noted }
}

function isPast(word: ModeWord, done: ModeWord | undefined): boolean {
  return done !== undefined && compareWords(word, done) <= 0
}

type Word = 'approve' | 'reject'

function isHeard({ heard }: DeployedVersion, word: FleetWord): boolean {
  return heard.profile === word.profile && heard.generation >= word.generation
}

/**
 * What a word on a behaviour is to this node. `awaits`: the node has nothing yet that the word could be about. One can only
 * approve what was seen, so that a decision without evidence, told by another node, is no more than that one's.
 */
function bearing(
  { profile }: DeployedVersion,
  id: string,
  word: FleetWord,
  what: Word,
): 'stands' | 'awaits' | 'past' {
  const entry = profile.entry(id as BehaviourId)
  if (entry === undefined) return 'awaits'
  const { decision, cells, inherited } = entry
  if (decision !== undefined) {
    const isOlder = decision.at < word.at
    if (!isOlder && (!word.isGit || decision.by === word.by)) return 'past'
  }
  const isSeen = cells.length > 0 || inherited !== undefined
  return what === 'reject' || isSeen ? 'stands' : 'awaits'
}

/** What a word names that is not known yet: once it is, the word is heard on it. */
function awaitedOf(version: DeployedVersion, word: FleetWord, isNew: boolean): readonly string[] {
  const awaits = (ids: readonly string[], what: Word): readonly string[] =>
    ids.filter((id) => bearing(version, id, word, what) === 'awaits')
  const ids = new Set([...awaits(word.approve, 'approve'), ...awaits(word.reject, 'reject')])
  // What was known, and is not any more, was forgotten by a person after that word.
  return isNew ? [...ids] : version.heard.awaited.filter((id) => ids.has(id))
}

/** Whether all that the other copy says is in this one. */
function holds(own: ProfileEntry | undefined, other: ProfileEntry): boolean {
  if (own === undefined) return false
  if (!sameDecision(own.decision, other.decision ?? own.decision)) return false
  return other.cells.every((cell) =>
    own.cells.some(
      (mine) =>
        mine.container === cell.container &&
        mine.origin === cell.origin &&
        mine.count >= cell.count &&
        (cell.witnesses === undefined ||
          JSON.stringify(mine.witnesses) === JSON.stringify(cell.witnesses)),
    ),
  )
}

function nameOf({ repository, digest }: FleetImage): string {
  return `${repository}@${digest}`
}
