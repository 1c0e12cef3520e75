import type { Alert } from '../../src/core/event/alert.ts'
import type { Agent } from '../fixtures/agent.ts'
import { learnServices, type Service, services } from '../fixtures/services.ts'
import type { Bench } from './bench.ts'
import { type Figure, paired, plain } from './figures.ts'
import { measurePhases } from './phases.ts'
import { usage } from './process-usage.ts'

const seconds = 4

interface Measured {
  readonly rates: readonly number[]
  /** Of daemon and sensor while the services were under load, of one core. */
  readonly share: number
}

/** The throughput that a service loses at full load. Each run loads a fresh container of each, one after the other. */
export const servicesBench: Bench = {
  name: 'services',
  what: `requests a second of services under full load of ${seconds} s each, and what the agent takes meanwhile`,
  async run(setting) {
    const { docker } = await setting.engine()
    const list = await services(docker)
    const measured = await measurePhases(
      setting,
      list.map(({ image }) => image),
      () => learnServices(list),
      (agent) => explained(list, agent),
    )
    const figures: Figure[] = []
    for (const mode of ['alert', 'block'] as const) {
      for (const [index, { name }] of list.entries()) {
        const rates = (phase: 'bare' | typeof mode): number[] =>
          measured[phase].map((one) => one.rates[index] ?? Number.NaN)
        const limit = { at: 'least', value: 0.95 } as const
        figures.push(paired(`${name}, ${mode}`, '/s', rates('bare'), rates(mode), limit))
      }
      const shares = measured[mode].map(({ share }) => share * 100)
      figures.push(
        plain(`daemon and sensor, ${mode}`, '% of a core', shares, { at: 'most', value: 1 }),
      )
    }
    return figures
  },
}

/** Blocking is why a service does not come up: the alerts give the reason. */
async function explained(list: readonly Service[], agent: Agent | undefined): Promise<Measured> {
  try {
    return await loaded(list, agent)
  } catch (error) {
    const alerts = (await agent?.json<Alert[]>(['alert', 'list'])) ?? []
    const reported = alerts.map(({ action, behaviour, image }) =>
      [action, image?.repository, behaviour?.text].join(' '),
    )
    throw new Error(`a service failed; reported were:\n${reported.join('\n')}`, { cause: error })
  }
}

async function loaded(list: readonly Service[], agent: Agent | undefined): Promise<Measured> {
  const rates: number[] = []
  let cpu = 0
  let time = 0
  for (const service of list) {
    const running = await service.start()
    try {
      const before = agentCpu(agent)
      const from = performance.now()
      rates.push(await running.rate(seconds))
      time += (performance.now() - from) / 1_000
      cpu += agentCpu(agent) - before
    } finally {
      await running.stop()
    }
  }
  return { rates, share: cpu / time }
}

function agentCpu(agent: Agent | undefined): number {
  if (agent === undefined) return 0
  const { daemon, sensor } = usage(agent.pid)
  return daemon.cpuSeconds + sensor.cpuSeconds
}
