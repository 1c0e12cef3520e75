import { inheritedExpireAt } from '../../core/lifecycle/inheritance.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Profile } from '../../core/profile/profile.ts'
import type { QueryContext } from '../contexts.ts'
import type { DeployedVersion } from '../../state/versions/deployed-version.ts'
import type { AuditView } from '../api/engine.ts'
import { versionView } from './views.ts'
import { alertPage } from './alert-rows.ts'
import { behaviourPage } from './behaviour-page.ts'
import { lifeOf } from './version-timeline.ts'
import { markOf } from './timeline-marks.ts'
import { Outlines } from './behaviour-index.ts'
import type {
  AlertPage,
  AlertRowQuery,
  AlertStory,
  BehaviourPage,
  BehaviourQuery,
  CardBehaviourPage,
  CardQuery,
  LifeView,
  PageViews,
  PictureView,
  ReviewPage,
  ReviewQuery,
  TimelineView,
  WaitingVersion,
} from '../api/page-views.ts'
import { pictureOf } from './profile-graph.ts'
import { cardBehaviours, reviewPage, type ReviewWorld } from './review-cards.ts'
import { storyOf } from './alert-story.ts'
import { timelineOf } from './timeline.ts'

/** How far back in the audit a line of time is looked for. */
const auditRead = 2_000

/** What the page shows, of the context as it stands. */
export class PageQueries implements PageViews {
  readonly #context: QueryContext
  readonly #outlines = new Outlines()
  /** When a profile's behaviours were first seen: computed again only after it grew. */
  readonly #firsts = new WeakMap<Profile, { readonly size: number; readonly at: number[] }>()
  /** By the files of two images: reading them for each behaviour of a large card takes long. */
  readonly #explanations = new WeakMap<
    Readonly<LiveEntry>,
    { readonly before: DeployedVersion; readonly text: string }
  >()

  constructor(context: QueryContext) {
    this.#context = context
  }

  async timeline(hours: number): Promise<TimelineView> {
    const { registry, alerts } = this.#context
    const entries = await this.#entries()
    return timelineOf(
      {
        alerts: alerts.list({ limit: Infinity }),
        firsts: this.#firstsOf(registry.versions),
        losses: registry.losses.spans,
        marks: entries.filter(isOfContainers).map(markOf),
      },
      hours,
      this.#context.now(),
    )
  }

  async lives(ref: string): Promise<readonly LifeView[]> {
    const versions = this.#context.registry.find(ref)
    const entries = await this.#entries()
    return versions.map((version) => lifeOf(version, entries))
  }

  picture(ref: string, deviations = false): PictureView {
    const { profile } = this.#context.registry.findOne(ref)
    return pictureOf(this.#outlines.of(profile), deviations)
  }

  behaviours(ref: string, query: BehaviourQuery): BehaviourPage {
    const { registry } = this.#context
    const version = registry.findOne(ref)
    const expiresAt = inheritedExpireAt(version.life, registry.rules)
    return behaviourPage(version, this.#outlines.of(version.profile), query, expiresAt)
  }

  review(query: ReviewQuery): ReviewPage {
    return {
      ...reviewPage(this.#reviewWorld(), query),
      versions: this.#waiting(query.repository),
    }
  }

  cardBehaviours(query: CardQuery): CardBehaviourPage {
    return cardBehaviours(this.#reviewWorld(), query)
  }

  #reviewWorld(): ReviewWorld {
    const { registry, stage, alerts } = this.#context
    return {
      versions: registry.versions,
      predecessorOf: (version: DeployedVersion) => registry.predecessorOf(version),
      explained: (entry, version, before) => {
        const known = this.#explanations.get(entry)
        if (known?.before === before) return known.text
        const text = stage.explain(entry, version, before)
        if (text !== undefined) this.#explanations.set(entry, { before, text })
        return text
      },
      alerts: alerts.list({ limit: Infinity }),
    }
  }

  alertRows(query: AlertRowQuery): AlertPage {
    return alertPage(this.#context.alerts.list({ limit: Infinity }), query)
  }

  story(id: string): AlertStory {
    const { registry, alerts } = this.#context
    const alert = alerts.get(id)
    const version = alert.image === undefined ? undefined : registry.versionOfImage(alert.image)
    const outline = version === undefined ? [] : this.#outlines.of(version.profile)
    return storyOf(alert, alerts.list({ limit: Infinity }), version, outline)
  }

  /** Oldest first. */
  async #entries(): Promise<readonly AuditView[]> {
    return [...(await this.#context.journal.trail.list(auditRead))].reverse()
  }

  #waiting(repository: string | undefined): readonly WaitingVersion[] {
    const { registry } = this.#context
    return [...registry.versions]
      .filter(({ life, image }) => {
        if (repository !== undefined && image.repository !== repository) return false
        return life.state === 'review' || life.state === 'incomplete'
      })
      .map((version) => {
        const view = versionView(
          version,
          registry,
          this.#context.kernel.profiles,
          this.#context.now(),
        )
        const { tags, state, behaviours, because, revision } = view
        const { repository } = version.image
        const { sentence } = view.coverage
        return {
          ref: version.key,
          revision,
          repository,
          tags,
          state,
          behaviours,
          sentence,
          because,
        }
      })
  }

  *#firstsOf(versions: Iterable<DeployedVersion>): Iterable<number> {
    for (const { profile } of versions) {
      const known = this.#firsts.get(profile)
      if (known?.size === profile.size) {
        yield* known.at
        continue
      }
      const at = [...profile.outline()]
        .filter(({ within }) => within === undefined)
        .map(firstOf)
        .filter(Number.isFinite)
      this.#firsts.set(profile, { size: profile.size, at })
      yield* at
    }
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
