const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
type Unit = keyof typeof unitMs

/** As a regular expression, since the published JSON Schema carries it too. */
export const durationPattern = /^(\d{1,9})(ms|s|m|h|d)$/

/** Milliseconds of `20s`, `15m`, `24h`, `7d`; `undefined` where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = durationPattern.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * unitMs[match[2] as Unit]
}

/** The shortest exact way to write a number of milliseconds: `90s`, `24h`. */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`
  }
  return `${ms}ms`
}
