export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const high = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? high : ((sorted[middle - 1] ?? high) + high) / 2
}

/** Rows as columns of equal width; the first row is the head. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  )
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '))
  return lines.join('\n')
}

/** The summary of several runs. */
export interface Spread {
  readonly min: number
  readonly median: number
  readonly max: number
}

export function spread(numbers: readonly number[]): Spread {
  return { min: Math.min(...numbers), median: median(numbers), max: Math.max(...numbers) }
}

export interface Limit {
  readonly of: 'ratio' | 'value'
  readonly at: 'most' | 'least'
  readonly value: number
}

/** One line of the result. */
export interface Figure {
  readonly name: string
  readonly unit: string
  readonly value: Spread
  /** The same without the agent, and the run-by-run ratio to it. */
  readonly bare?: Spread
  readonly ratio?: Spread
  /** The ends of `ratio` are those of its 95 % interval, and not the least and the most. */
  readonly isInterval?: true
  readonly limit?: Limit
}

/** A figure against its bare counterpart, run by run: other load on the machine affects both of a pair. */
export function paired(
  name: string,
  unit: string,
  bare: readonly number[],
  values: readonly number[],
  limit?: Omit<Limit, 'of'>,
): Figure {
  const ratios = values.map((value, run) => value / (bare[run] ?? Number.NaN))
  return {
    name,
    unit,
    value: spread(values),
    bare: spread(bare),
    ratio: spread(ratios),
    ...(limit === undefined ? {} : { limit: { of: 'ratio', ...limit } }),
  }
}

/**
 * The same for many pairs: the trimmed mean of the logarithms of their ratios, with its 95 % interval by bootstrap. A
 * fifth of the pairs at each end does not count.
 */
export function ratioOf(
  name: string,
  unit: string,
  bare: readonly number[],
  values: readonly number[],
  limit?: Omit<Limit, 'of'>,
): Figure {
  const logs = values.map((value, pair) => Math.log(value / (bare[pair] ?? Number.NaN)))
  const means = Array.from({ length: resamples }, () =>
    trimmedMean(logs.map(() => logs[Math.floor(Math.random() * logs.length)] ?? Number.NaN)),
  ).sort((a, b) => a - b)
  const at = (share: number): number =>
    Math.exp(means[Math.round(share * (means.length - 1))] ?? Number.NaN)
  return {
    ...paired(name, unit, bare, values, limit),
    ratio: { min: at(0.025), median: Math.exp(trimmedMean(logs)), max: at(0.975) },
    isInterval: true,
  }
}

/** Whether the interval is at most so wide on each side, as a share of the ratio. */
export function isNarrow({ ratio }: Figure, share: number): boolean {
  if (ratio === undefined) return false
  const { min, median: middle, max } = ratio
  return middle - min <= share * middle && max - middle <= share * middle
}

const resamples = 2_000

function trimmedMean(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const cut = Math.floor(sorted.length / 5)
  const kept = sorted.slice(cut, sorted.length - cut)
  return kept.reduce((sum, number) => sum + number, 0) / kept.length
}

export function plain(
  name: string,
  unit: string,
  values: readonly number[],
  limit?: Omit<Limit, 'of'>,
): Figure {
  const held = limit === undefined ? {} : { limit: { of: 'value', ...limit } as const }
  return { name, unit, value: spread(values), ...held }
}

/** Undefined where nothing is asked. */
export function isMet({ limit, ratio, value }: Figure): boolean | undefined {
  if (limit === undefined) return undefined
  const found = (limit.of === 'ratio' ? ratio : value)?.median ?? Number.NaN
  return limit.at === 'most' ? found <= limit.value : found >= limit.value
}

export function figureTable(figures: readonly Figure[]): string {
  const head = ['figure', 'bare', 'measured', 'ratio', 'min–max', 'asked', '']
  return table([head, ...figures.map(rowOf)])
}

function rowOf(figure: Figure): readonly string[] {
  const { name, unit, bare, value, ratio, isInterval, limit } = figure
  const range = ratio ?? value
  const met = isMet(figure)
  return [
    name,
    bare === undefined ? '' : `${short(bare.median)} ${unit}`,
    `${short(value.median)} ${unit}`,
    ratio === undefined ? '' : `${ratio.median.toFixed(3)} ×`,
    `${short(range.min)}–${short(range.max)}${isInterval === true ? ' (95 %)' : ''}`,
    limit === undefined
      ? ''
      : `${limit.at === 'most' ? '≤' : '≥'} ${limit.value.toLocaleString('en')}${limit.of === 'ratio' ? ' ×' : ` ${unit}`}`,
    met === undefined ? '' : met ? 'met' : 'missed',
  ]
}

function short(value: number): string {
  const digits = value >= 1_000 ? 0 : value >= 10 ? 1 : 3
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}
