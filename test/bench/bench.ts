import type { Dockerd } from '../fixtures/dockerd.ts'
import type { Figure } from './figures.ts'

/** The parameters of every benchmark. */
export interface Setting {
  /** The Docker engine, started when first asked for. */
  readonly engine: () => Promise<Dockerd>
  /** How often each state is measured; the report gives the median. */
  readonly runs: number
  /** Progress, for people. */
  readonly print: (line: string) => void
}

export interface Bench {
  readonly name: string
  /** One line that describes the figures. */
  readonly what: string
  run(setting: Setting): Promise<readonly Figure[]>
}
