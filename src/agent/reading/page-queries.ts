import { lineageName } from '../../core/event/image-key.ts'
import { inheritedExpireAt } from '../../core/lifecycle/inheritance.ts'
import type { Alert } from '../../core/event/alert.ts'
import type { Steps } from '../../core/steps.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { Agent } from '../engine/agent.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { AlertPage, AlertRowQuery, AlertStory } from '../../api/alert-rows.ts'
import type {
  BehaviourPage,
  BehaviourQuery,
  LifeView,
  PageViews,
  PictureView,
  TimelineMark,
  TimelineView,
} from '../../api/page-views.ts'
import type {
  CardBehaviourPage,
  CardQuery,
  ReviewPage,
  ReviewQuery,
  WaitingVersion,
} from '../../api/review-cards.ts'
import type { AuditView } from '../../api/review-views.ts'
import { versionView } from './views.ts'
import { alertPage } from './alert-rows.ts'
import { behaviourPage } from './behaviour-page.ts'
import { lifeOf } from './version-timeline.ts'
import { markOf } from './timeline-marks.ts'
import { Outlines } from './behaviour-index.ts'
import { pictureOf } from './profile-graph.ts'
import { ListedCards } from './listed-cards.ts'
import { cardBehaviours, reviewPage, type ReviewWorld } from './review-cards.ts'
import type { Waiting } from './waiting.ts'
import { storyOf } from './alert-story.ts'
import type { IncidentsNow } from './incident-groups.ts'
import { incidentOfAlert } from './incident-queries.ts'
import { timelineOf } from './timeline.ts'

/** How far back in the audit a line of time is looked for. */
const auditRead = 2_000

/** What the page shows, of the context as it stands. */
export class PageQueries implements PageViews {
  readonly #context: Agent
  readonly #incidents: IncidentsNow
  readonly #outlines = new Outlines()
  readonly #listed = new ListedCards()
  /** When a profile's behaviours were first seen: computed again only after it grew. */
  readonly #firsts = new WeakMap<Profile, { readonly size: number; readonly at: number[] }>()
  /** By the files of two images: reading them for each behaviour of a large card takes long. */
  readonly #explanations = new WeakMap<
    Waiting,
    { readonly before: DeployedVersion; readonly text: string }
  >()

  constructor(context: Agent, incidents: IncidentsNow) {
    this.#context = context
    this.#incidents = incidents
  }

  async timeline(hours: number): Promise<TimelineView> {
    const marks = (await this.#entries()).filter(isOfContainers).map(markOf)
    return this.#context.slices.run('timeline', this.#timeline(hours, marks))
  }

  *#timeline(hours: number, marks: readonly TimelineMark[]): Steps<TimelineView> {
    const { registry, alerts } = this.#context
    const firsts = yield* this.#firstsOf(registry.index)
    const happened = { alerts: alerts.newestFirst, firsts, losses: registry.losses.spans, marks }
    return yield* timelineOf(happened, hours, this.#context.now())
  }

  async lives(ref: string): Promise<readonly LifeView[]> {
    const versions = this.#context.registry.index.find(ref)
    const entries = await this.#entries()
    return versions.map((version) => lifeOf(version, entries))
  }

  async picture(ref: string, deviations = false): Promise<PictureView> {
    const { registry, slices } = this.#context
    return slices.run('picture', this.#picture(registry.index.findOne(ref), deviations))
  }

  *#picture({ profile }: DeployedVersion, deviations: boolean): Steps<PictureView> {
    return yield* pictureOf(yield* this.#outlines.of(profile), deviations)
  }

  async behaviours(ref: string, query: BehaviourQuery): Promise<BehaviourPage> {
    const { registry, slices } = this.#context
    return slices.run('behaviours', this.#behaviours(registry.index.findOne(ref), query))
  }

  *#behaviours(version: DeployedVersion, query: BehaviourQuery): Steps<BehaviourPage> {
    const outline = yield* this.#outlines.of(version.profile)
    const expiresAt = inheritedExpireAt(version.life, this.#context.registry.lifecycle.rules)
    return yield* behaviourPage(version, outline, query, expiresAt)
  }

  review(query: ReviewQuery): Promise<ReviewPage> {
    return this.#context.slices.run('review', this.#review(query))
  }

  *#review(query: ReviewQuery): Steps<ReviewPage> {
    const page = yield* reviewPage(this.#reviewWorld(), query)
    return { ...page, versions: yield* this.#waiting(query.repository) }
  }

  cardBehaviours(query: CardQuery): Promise<CardBehaviourPage> {
    return this.#context.slices.run('card', this.#cardBehaviours(query))
  }

  *#cardBehaviours(query: CardQuery): Steps<CardBehaviourPage> {
    return yield* cardBehaviours(this.#reviewWorld(), query)
  }

  #reviewWorld(): ReviewWorld {
    const { registry, inflow, alerts } = this.#context
    return {
      versions: registry.index,
      predecessorOf: (version: DeployedVersion) => registry.index.predecessorOf(version),
      scopesExpecting: (version, ids) => registry.scopesExpecting(version, ids),
      explained: (waiting, before) => {
        const known = this.#explanations.get(waiting)
        if (known?.before === before) return known.text
        const text = inflow.stage.delta.explain(waiting, waiting.version, before)
        if (text !== undefined) this.#explanations.set(waiting, { before, text })
        return text
      },
      alerts: alerts.newestFirst,
      listed: this.#listed,
    }
  }

  alertRows(query: AlertRowQuery): Promise<AlertPage> {
    return this.#context.slices.run('alert rows', this.#alertRows(query))
  }

  *#alertRows(query: AlertRowQuery): Steps<AlertPage> {
    return yield* alertPage(this.#context.alerts.newestFirst, query)
  }

  async story(id: string): Promise<AlertStory> {
    const { alerts, slices } = this.#context
    return slices.run('story', this.#story(alerts.get(id)))
  }

  *#story(alert: Alert): Steps<AlertStory> {
    const { registry, alerts } = this.#context
    const version = alert.image === undefined ? undefined : registry.index.ofImage(alert.image)
    const outline = version === undefined ? [] : yield* this.#outlines.of(version.profile)
    const story = yield* storyOf(alert, alerts.newestFirst, version, outline)
    const incident = yield* incidentOfAlert(yield* this.#incidents.steps(), alert.id)
    return incident === undefined ? story : { ...story, incident }
  }

  /** Oldest first. */
  async #entries(): Promise<readonly AuditView[]> {
    return [...(await this.#context.journal.trail.list(auditRead))].reverse()
  }

  *#waiting(only: string | undefined): Steps<readonly WaitingVersion[]> {
    const { registry, kernel } = this.#context
    const waiting: WaitingVersion[] = []
    for (const version of registry.index) {
      const { life, image, key } = version
      const repository = lineageName(image)
      if (only !== undefined && repository !== only) continue
      if (life.state !== 'review' && life.state !== 'incomplete') continue
      const view = yield* versionView(version, registry, kernel.profiles, this.#context.now())
      const { tags, state, behaviours, because, revision, coverage } = view
      const { sentence } = coverage
      waiting.push({ ref: key, revision, repository, tags, state, behaviours, sentence, because })
    }
    return waiting
  }

  /** A list for each version. */
  *#firstsOf(versions: Iterable<DeployedVersion>): Steps<readonly (readonly number[])[]> {
    const firsts: (readonly number[])[] = []
    for (const { profile } of versions) {
      yield
      const known = this.#firsts.get(profile)
      if (known?.size === profile.size) {
        firsts.push(known.at)
        continue
      }
      const { size } = profile
      const at: number[] = []
      for (const entry of profile.outline()) {
        yield
        const first = firstOf(entry)
        if (entry.within === undefined && Number.isFinite(first)) at.push(first)
      }
      this.#firsts.set(profile, { size, at })
      firsts.push(at)
    }
    return firsts
  }
}

/** Who signed in, and what was configured, is in the audit log. */
function isOfContainers(entry: AuditView): boolean {
  return entry['image'] !== undefined || entry['alert'] !== undefined
}

/** When the service itself showed it first, in epoch milliseconds; infinite where it never did. */
function firstOf(entry: Readonly<LiveEntry>): number {
  let first = entry.place?.figures.first ?? Infinity
  for (const cell of entry.allCells()) {
    if (cell.origin !== 'exec-in' && cell.first < first) first = cell.first
  }
  return first / 1_000
}
