import { Counter, Histogram, Registry } from 'prom-client'
import { type AdmissionVerdict, admissionVerdicts } from './decide.ts'

export const lookResults = ['trusted', 'faulty', 'failed'] as const
export type LookResult = (typeof lookResults)[number]

/** The webhook's counters; label values are closed sets. */
export const admissionMetricTable = {
  snug_admit_pods_total: {
    type: 'counter',
    help: 'decided pods, by decision',
    labels: { verdict: admissionVerdicts },
  },
  snug_admit_refusals_total: {
    type: 'counter',
    help: 'refused or unanswered requests',
    labels: {},
  },
  snug_admit_looks_total: {
    type: 'counter',
    help: 'images checked in a registry, by result',
    labels: { result: lookResults },
  },
  snug_admit_answer_seconds: {
    type: 'histogram',
    help: 'time from the complete request to its answer',
    labels: {},
  },
} as const

const buckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export class AdmissionMetrics {
  readonly #registry = new Registry()
  readonly #pods = this.#counter('snug_admit_pods_total')
  readonly #refusals = this.#counter('snug_admit_refusals_total')
  readonly #looks = this.#counter('snug_admit_looks_total')
  readonly #seconds = new Histogram({
    name: 'snug_admit_answer_seconds',
    help: admissionMetricTable.snug_admit_answer_seconds.help,
    buckets,
    registers: [this.#registry],
  })

  get contentType(): string {
    return this.#registry.contentType
  }

  decided(verdict: AdmissionVerdict, ms: number): void {
    this.#pods.inc({ verdict })
    this.#seconds.observe(ms / 1_000)
  }

  refused(): void {
    this.#refusals.inc()
  }

  looked(result: LookResult): void {
    this.#looks.inc({ result })
  }

  expose(): Promise<string> {
    return this.#registry.metrics()
  }

  #counter(name: Exclude<keyof typeof admissionMetricTable, 'snug_admit_answer_seconds'>): Counter {
    const { help, labels } = admissionMetricTable[name]
    return new Counter({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
    })
  }
}
