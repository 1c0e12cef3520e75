import type { Stats } from 'node:fs'

/** The kernel gives files the time of its last tick, which is up to 10 ms old. */
export const tickMs = 20

/** It changed so shortly before that another change could leave the same time. */
export function isFresh({ ctimeMs }: Pick<Stats, 'ctimeMs'>): boolean {
  return Math.abs(Date.now() - ctimeMs) < tickMs
}
