import { describe, expect, it } from 'vitest'
import {
  outdatedOf,
  removalRefusal,
  type RetainedVersion,
} from '../../../src/core/lifecycle/retention.ts'
import { startVersion, type Version } from '../../../src/core/lifecycle/version.ts'

const dayMs = 86_400_000
const nowMs = Date.parse('2026-11-26T12:00:00Z')
const rules = { versions: 3, ageMs: 90 * dayMs }

interface Facts extends Partial<Omit<RetainedVersion, 'life'>> {
  readonly life?: Partial<Version>
  readonly firstDay: number
  readonly lastDay?: number
}

/** `firstDay`, `lastDay`: how many days ago. */
function version(digest: string, { life, firstDay, lastDay = firstDay, ...facts }: Facts) {
  const ago = (days: number): string => new Date(nowMs - days * dayMs).toISOString()
  return {
    name: digest,
    life: {
      ...startVersion(digest, nowMs - firstDay * dayMs),
      state: 'enforced',
      mode: 'alert',
      ...life,
    },
    running: 0,
    firstSeen: ago(firstDay),
    lastSeen: ago(lastDay),
    isDecided: false,
    ...facts,
  } as const
}

function outdated(...lineage: readonly ReturnType<typeof version>[]): readonly string[] {
  return outdatedOf(lineage, rules, nowMs).map(({ version: { name } }) => name)
}

describe('retention', () => {
  it('removes the versions beyond the number, by their last event', () => {
    const lineage = [
      version('a', { firstDay: 9, lastDay: 1 }),
      version('b', { firstDay: 8 }),
      version('c', { firstDay: 7 }),
      version('d', { firstDay: 6 }),
      version('e', { firstDay: 5 }),
    ]
    expect(outdated(...lineage)).toEqual(['c', 'b'])
    const [c] = outdatedOf(lineage, rules, nowMs)
    expect(c?.because).toBe('3 versions of its lineage were seen later')
  })

  it('removes a version whose last event is too old, and names the days', () => {
    const lineage = [version('a', { firstDay: 100 }), version('b', { firstDay: 1 })]
    const [a] = outdatedOf(lineage, rules, nowMs)
    expect(a?.version.name).toBe('a')
    expect(a?.because).toBe('its last event was 100 days ago')
  })

  it.each<[string, Partial<Facts>]>([
    ['runs', { running: 1 }],
    ['blocks', { life: { mode: 'block' } }],
    ['a person decided on', { isDecided: true }],
  ])('keeps a version that %s', (_, facts) => {
    const old = version('a', { firstDay: 200, ...facts })
    expect(outdated(old, version('b', { firstDay: 1 }))).toEqual([])
  })

  it('keeps the newest version, and the newest enforced one for a rollback', () => {
    const learning = { state: 'learning', mode: 'learn' } as const
    expect(outdated(version('a', { firstDay: 200 }))).toEqual([])
    expect(
      outdated(
        version('a', { firstDay: 300 }),
        version('b', { firstDay: 200 }),
        version('c', { firstDay: 150, life: learning }),
        version('d', { firstDay: 140, life: learning }),
      ),
    ).toEqual(['c', 'a'])
  })

  it('counts the age of a version from recorded events by when the agent saw them', () => {
    const recorded = version('a', {
      firstDay: 400,
      life: { learningSince: nowMs - dayMs },
    })
    expect(outdated(recorded, version('b', { firstDay: 1 }))).toEqual([])
  })
})

describe('the removal of a version', () => {
  const before = version('a', { firstDay: 3 })
  const after = (state: Version['state'], firstDay = 2) =>
    version('b', { firstDay, life: { predecessor: 'a', state } })

  it.each(['learning', 'review', 'incomplete'] as const)(
    'is refused while the newest version is compared with it: %s',
    (state) => {
      const refusal = removalRefusal(before, [before, after(state)])
      expect(refusal).toBe('new behaviour of the later version `b` is compared with it')
    },
  )

  it('is possible once the later version is enforced, or is not the newest any more', () => {
    expect(removalRefusal(before, [before, after('enforced')])).toBeUndefined()
    const newest = version('c', { firstDay: 1 })
    expect(removalRefusal(before, [before, after('review'), newest])).toBeUndefined()
    expect(removalRefusal(before, [before, after('learning'), newest])).toBeDefined()
  })
})
