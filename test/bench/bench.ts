import type { Dockerd } from '../fixtures/dockerd.ts'
import type { Figure } from './figures.ts'

/** What every benchmark is given. */
export interface Setting {
  /** The Docker engine, started when first asked for. */
  readonly engine: () => Promise<Dockerd>
  /** How often each state is measured; the median of these is told. */
  readonly runs: number
  /** Progress, for people. */
  readonly print: (line: string) => void
}

export interface Bench {
  readonly name: string
  /** One line that says what the figures are of. */
  readonly what: string
  run(setting: Setting): Promise<readonly Figure[]>
}
