import { isHeldOut, nameMakers } from '../fixtures/name-makers.ts'
import { adversarialCount, type Evidence, long, measure, short } from '../fixtures/place-study.ts'

const seeds = [1, 2, 3, 4, 5]
const thresholds = [0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.95]

interface Sum {
  readonly refused: number
  readonly admitted: number
}

/** Shares over all kinds, each kind counting as much as any other. */
function sum(heldOut: boolean, evidence: Evidence, threshold: number): Sum {
  const makers = nameMakers.filter((maker) => isHeldOut(maker) === heldOut)
  let refused = 0
  let admitted = 0
  for (const maker of makers) {
    for (const seed of seeds) {
      const one = measure(maker, evidence, seed, threshold)
      refused += one.refused.length / one.drawn
      admitted += one.admitted.length / adversarialCount
    }
  }
  const all = makers.length * seeds.length
  return { refused: refused / all, admitted: admitted / all }
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

process.stdout.write(
  `${nameMakers.length} kinds of names, ${nameMakers.filter(isHeldOut).length} of them held out; ` +
    `${adversarialCount} adversarial names\n\n`,
)
for (const [title, evidence] of [
  ['one container, 12 units of work in a minute', short],
  ['three containers, 60 units of work in half an hour', long],
] as const) {
  process.stdout.write(
    `${title}\n\n| threshold | new names refused, development | held out | adversarial names taken, development | held out |\n|---|---|---|---|---|\n`,
  )
  for (const threshold of thresholds) {
    const seen = sum(false, evidence, threshold)
    const unseen = sum(true, evidence, threshold)
    process.stdout.write(
      `| ${threshold} | ${percent(seen.refused)} | ${percent(unseen.refused)} | ` +
        `${percent(seen.admitted)} | ${percent(unseen.admitted)} |\n`,
    )
  }
  process.stdout.write('\n')
}
if (process.argv.includes('--kinds')) {
  for (const maker of nameMakers.filter((one) => !isHeldOut(one))) {
    const { kind, drawn, refused, admitted, places } = measure(maker, short, 1)
    const templates = places.filter((place) => place.class === 'own').flatMap((p) => p.templates)
    process.stdout.write(
      `${kind}: ${refused.length} of ${drawn} refused (${refused.slice(0, 3).join(' ')}), ` +
        `${admitted.length} taken (${admitted.slice(0, 4).join(' ')}); ${templates.join('  ')}\n`,
    )
  }
}
