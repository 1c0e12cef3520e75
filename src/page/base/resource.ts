import { useEffect, useRef, useState } from 'preact/hooks'
import { ask, Problem } from './api.ts'
import { pulse } from './live.ts'

export interface Resource<T> {
  readonly value: T | undefined
  readonly problem: Problem | undefined
  /** The first answer has not arrived yet. */
  readonly loading: boolean
}

interface Held<T> {
  readonly path: string | undefined
  readonly value?: T
  readonly problem?: Problem
}

/** Asks for one path, once at a time: who asks meanwhile has it asked again afterwards, with nothing thrown away. */
class Asking<T> {
  readonly #path: string
  readonly #take: (held: Held<T>) => void
  readonly #gone = new AbortController()
  #isAsking = false
  #again = false
  #value: T | undefined

  constructor(path: string, take: (held: Held<T>) => void) {
    this.#path = path
    this.#take = take
  }

  async ask(): Promise<void> {
    this.#again = true
    if (this.#isAsking) return
    this.#isAsking = true
    while (this.#again && !this.#gone.signal.aborted) {
      this.#again = false
      await this.#once()
    }
    this.#isAsking = false
  }

  close(): void {
    this.#gone.abort()
  }

  async #once(): Promise<void> {
    const path = this.#path
    try {
      this.#value = await ask<T>(path, { signal: this.#gone.signal })
      if (!this.#gone.signal.aborted) this.#take({ path, value: this.#value })
    } catch (error) {
      if (this.#gone.signal.aborted || !(error instanceof Problem)) return
      const kept = this.#value === undefined ? {} : { value: this.#value }
      this.#take({ path, ...kept, problem: error })
    }
  }
}

/**
 * The agent's answer on a path: requested again on a change, and every `everyMs`. The old answer stays until the new
 * one arrives, so that nothing jumps.
 */
export function useResource<T>(path: string | undefined, everyMs?: number): Resource<T> {
  const [held, setHeld] = useState<Held<T>>({ path: undefined })
  const asking = useRef<Asking<T> | undefined>(undefined)
  const beat = pulse.value

  useEffect(() => {
    if (path === undefined) return undefined
    const own = new Asking<T>(path, setHeld)
    asking.current = own
    void own.ask()
    return () => own.close()
  }, [path])

  useEffect(() => {
    if (beat > 0) void asking.current?.ask()
  }, [beat])

  useEffect(() => {
    if (everyMs === undefined) return undefined
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void asking.current?.ask()
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])

  const own = path !== undefined && held.path === path
  const value = own ? held.value : undefined
  const problem = own ? held.problem : undefined
  return {
    value,
    problem,
    loading: path !== undefined && value === undefined && problem === undefined,
  }
}
