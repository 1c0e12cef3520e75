import { z } from 'zod'
import { SnugError } from '../../../src/errors.ts'

// Code that zod makes at run time is not seen by the fuzzer.
z.config({ jitless: true })

/** What `work` gives; undefined where it refuses the input by a coded error. Anything else is a fault. */
export function coded<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (error instanceof SnugError) return undefined
    throw error
  }
}

/** Undefined where it is no JSON: then there is nothing for the target. */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @throws where the two differ */
export function same(a: unknown, b: unknown, what: string): void {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)]
  if (left !== right) throw new Error(`${what}: ${left} is not ${right}`)
}
