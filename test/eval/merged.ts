import { existsSync, readFileSync } from 'node:fs'
import type { EvalResults } from './evaluate.ts'

/** What earlier runs of parts found; undefined where there was none. */
export function earlierResults(path: string): EvalResults | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as EvalResults) : undefined
}

/** A part that was run again stands for what it was before; what broke off leaves what was there. */
export function merged(earlier: EvalResults | undefined, now: EvalResults): EvalResults {
  if (earlier === undefined) return now
  const judgedNow = new Set(now.judged.map(({ service }) => service))
  const windows = new Set([...earlier.judged, ...now.judged].map(({ service }) => service))
  const known = now.windows.filter(({ service }) => judgedNow.has(service) || !windows.has(service))
  const names = new Set(known.map(({ service }) => service))
  const upgrade = now.upgrade ?? earlier.upgrade
  return {
    startedAt: now.startedAt,
    seconds: earlier.seconds + now.seconds,
    windows: [...earlier.windows.filter(({ service }) => !names.has(service)), ...known],
    judged: [...earlier.judged.filter(({ service }) => !judgedNow.has(service)), ...now.judged],
    intruder: now.intruder.length > 0 ? now.intruder : earlier.intruder,
    ...(upgrade === undefined ? {} : { upgrade }),
    failures: now.failures,
  }
}

/** Whether there is something of each service and each part. */
export function isWhole({ judged, intruder, upgrade }: EvalResults, services: number): boolean {
  const found = new Set(judged.map(({ service }) => service))
  return found.size >= services && intruder.length > 0 && upgrade !== undefined
}
