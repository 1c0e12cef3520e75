import { useEffect, useRef, useState } from 'preact/hooks'
import { ask, Problem } from './api.ts'
import { pulse } from './live.ts'

export interface Resource<T> {
  readonly value: T | undefined
  readonly problem: Problem | undefined
  /** The first answer is still on its way. */
  readonly loading: boolean
  readonly reload: () => void
}

interface Held<T> {
  readonly path: string
  readonly value?: T
  readonly problem?: Problem
}

/**
 * What the agent answers on a path: asked again when something changed, and every `everyMs` besides. What was there
 * stays until the new answer is: nothing jumps.
 */
export function useResource<T>(path: string | undefined, everyMs?: number): Resource<T> {
  const [held, setHeld] = useState<Held<T>>({ path: '' })
  const [turn, setTurn] = useState(0)
  const beat = pulse.value
  const inFlight = useRef<AbortController | undefined>(undefined)

  useEffect(() => {
    if (path === undefined) return undefined
    const controller = new AbortController()
    inFlight.current = controller
    ask<T>(path, { signal: controller.signal }).then(
      (value) => setHeld({ path, value }),
      (error: unknown) => {
        if (!controller.signal.aborted && error instanceof Problem) {
          setHeld((before) => ({ ...(before.path === path ? before : {}), path, problem: error }))
        }
      },
    )
    return () => controller.abort()
  }, [path, beat, turn])

  useEffect(() => {
    if (everyMs === undefined) return undefined
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') setTurn((n) => n + 1)
    }, everyMs)
    return () => clearInterval(timer)
  }, [everyMs])

  const own = held.path === path
  return {
    value: own ? held.value : undefined,
    problem: own ? held.problem : undefined,
    loading:
      path !== undefined && (!own || (held.value === undefined && held.problem === undefined)),
    reload: () => setTurn((n) => n + 1),
  }
}
