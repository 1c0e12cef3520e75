/** A length of time for people: `90 s`, `15 min`, `36 h`, `7 d`. */
export function durationText(ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

export function percentText(x: number): string {
  return `${Number((x * 100).toFixed(2))} %`
}
