import type { SoakFigures } from './soak.ts'

/** The figures of a soak as lines for people. */
export function soakText(figures: SoakFigures): string {
  const { scale, versions, parked, behaviours, cells, alerts } = figures
  const [longest] = figures.longest
  const lines = [
    `${scale.containers} containers of ${scale.images} images over ${scale.days} days, ${alerts} alerts kept`,
    `${versions} versions, ${parked} of them compressed, ${behaviours} behaviours, ${cells} cells of evidence`,
    `resident after each tenth, in MiB: ${figures.resident.join(' ')}`,
    `heap at those times, in MiB: ${figures.heap.join(' ')}`,
    `store: ${figures.storeMiB.toFixed(1)} MiB; start-up: ${figures.startUpSeconds.toFixed(1)} s, ${figures.startUpCpuSeconds.toFixed(1)} s of CPU`,
    `longest turn: ${longest?.ms.toFixed(0) ?? 0} ms of CPU (${longest?.work.join(', ') ?? ''})`,
    ...figures.longest.slice(1).map(({ ms, work }) => `  ${ms.toFixed(0)} ms (${work.join(', ')})`),
    `turns of at most 1, 2, 4 … ms: ${figures.histogram.map((count) => count ?? 0).join(' ')}`,
    `${figures.events} events and ${figures.counts} counts in ${figures.seconds.toFixed(0)} s`,
  ]
  return `${lines.join('\n')}\n`
}
