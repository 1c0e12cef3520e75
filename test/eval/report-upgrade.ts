import { bullets, markdownTable } from './text.ts'
import type { HandOver, UpgradeResult } from './upgrade.ts'

export function upgradeSection(result: UpgradeResult): string {
  const { changed, withPrior, fromNothing, added, removed, unchanged } = result
  const columns = [
    ["behaviours to review, but for the intruder's", (one: HandOver) => String(one.review)],
    ['alerts about the new version itself', (one: HandOver) => String(one.alerts)],
    ['acts of an intruder told', (one: HandOver) => `${one.probesTold.length} of ${one.probes}`],
    ['blind minutes', (one: HandOver) => String(one.blindMinutes)],
  ] as const
  const rows = columns.map(([name, of]) => [name, of(withPrior), of(fromNothing)])
  const delta = added.map(({ actor, text, explained, ofProbe }) => {
    const why = explained ?? (ofProbe ? "the intruder's" : 'NOT EXPLAINED')
    return `+ \`${actor}\`: \`${text}\`: ${why}`
  })
  const gone = removed.map(({ actor, text }) => `− \`${actor}\`: \`${text}\``)
  const alerts = withPrior.texts.map((text) => `alert: ${text}`)
  return `## An upgrade

A service of the application kind gets a second version. What changed in its image: ${changed.join('; ')}. An intruder is there from the first second: ${withPrior.probes} acts.
Two agents watched the same containers at the same time (${withPrior.minutesWatched.toFixed(1)} min): one that had learned the first version, and one that had never seen the image, as
a system that relearns from nothing. How long the second's window would last is simulated, by Snug's own lifecycle in one process with the default
rules, and is the best case: three containers that go on, and no behaviour that shows only once.

${markdownTable(['', 'with the predecessor as prior', 'from nothing'], rows)}

The delta (${added.length} new, ${removed.length} gone, ${unchanged} as before):

${bullets([...delta, ...gone, ...alerts])}`
}
