import type { SoakFigures } from './soak.ts'
import { turnText } from './turn-watch.ts'

/** The figures of a soak as lines for people. */
export function soakText(figures: SoakFigures): string {
  const { scale, versions, parked, behaviours, cells, alerts } = figures
  const lines = [
    `${scale.containers} containers of ${scale.images} images over ${scale.days} days, ${alerts} alerts kept`,
    `${versions} versions, ${parked} of them compressed, ${behaviours} behaviours, ${cells} cells of evidence`,
    `resident after each tenth, in MiB: ${figures.resident.join(' ')}`,
    `heap at those times, in MiB: ${figures.heap.join(' ')}`,
    `store: ${figures.storeMiB.toFixed(1)} MiB; start-up: ${figures.startUpSeconds.toFixed(1)} s, ${figures.startUpCpuSeconds.toFixed(1)} s of CPU`,
    'longest turns:',
    ...figures.longest.map((turn) => `  ${turnText(turn)}`),
    `turns of at most 1, 2, 4 … ms: ${figures.histogram.map((count) => count ?? 0).join(' ')}`,
    `${figures.events} events and ${figures.counts} counts in ${figures.seconds.toFixed(0)} s`,
  ]
  return `${lines.join('\n')}\n`
}
