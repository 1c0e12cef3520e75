import type { Dockerd } from '../fixtures/dockerd.ts'
import { type Judged, judgeServices } from './false-alerts.ts'
import { type IntruderRow, intrude } from './intruder.ts'
import { learn, type Window } from './learned.ts'
import { makeServices, type ServiceName } from './services/all.ts'
import type { EvalService } from './service.ts'
import type { UpgradeResult } from './upgrade.ts'
import { upgrade } from './upgrade.ts'

export const partNames = ['services', 'intruder', 'upgrade'] as const
export type PartName = (typeof partNames)[number]

export interface EvalSetting {
  readonly engine: Dockerd
  readonly services: readonly ServiceName[]
  readonly parts: readonly PartName[]
  /** Of each service, in each mode. */
  readonly containers: number
  readonly say: (line: string) => void
}

export interface EvalResults {
  readonly startedAt: string
  readonly seconds: number
  readonly windows: readonly Window[]
  readonly judged: readonly Judged[]
  readonly intruder: readonly IntruderRow[]
  readonly upgrade?: UpgradeResult
  /** Parts that broke off, and why: the rest is printed all the same. */
  readonly failures: readonly string[]
}

/** What the intruder comes by. */
const holed = ['redis', 'postgres', 'app'] as const

/** Learns once; judges and intrudes on what was learned, by alerts first, then blocking; then an upgrade. */
export async function evaluate(setting: EvalSetting): Promise<EvalResults> {
  const { engine, parts, say } = setting
  const startedMs = Date.now()
  const failures: string[] = []
  const whole: Attempt = async (name, part) => {
    try {
      return await part()
    } catch (error) {
      const why = error instanceof Error ? (error.stack ?? error.message) : String(error)
      say(`${name} broke off: ${why}`)
      failures.push(`${name}: ${why.split('\n')[0]}`)
      return undefined
    }
  }
  const isLearned = parts.includes('services') || parts.includes('intruder')
  const found = isLearned
    ? await whole('learning and judging', () => judgeLearned(setting, whole))
    : undefined
  const upgraded = parts.includes('upgrade')
    ? await whole('the upgrade', () => upgrade(engine, say))
    : undefined
  return {
    startedAt: new Date(startedMs).toISOString(),
    seconds: (Date.now() - startedMs) / 1_000,
    windows: found?.windows ?? [],
    judged: found?.judged ?? [],
    intruder: found?.intruder ?? [],
    ...(upgraded === undefined ? {} : { upgrade: upgraded }),
    failures: [...failures, ...(found?.failures ?? [])],
  }
}

type Attempt = <T>(name: string, part: () => Promise<T>) => Promise<T | undefined>

async function judgeLearned(
  setting: EvalSetting,
  whole: Attempt,
): Promise<Omit<EvalResults, 'startedAt' | 'seconds' | 'upgrade'>> {
  const { engine, parts, say } = setting
  const { docker, socket } = engine
  const names = new Set<ServiceName>(parts.includes('services') ? setting.services : [])
  if (parts.includes('intruder')) for (const name of holed) names.add(name)
  say(`images of ${[...names].join(', ')}`)
  const services = await makeServices(docker, [...names])
  say('learning')
  const { agent, windows, learned, failures } = await learn(
    docker,
    socket,
    [...services.values()],
    say,
  )
  await using _ = agent
  const judging = learned.filter(({ image }) => image !== services.get('app')?.image)
  const judged: Judged[] = []
  if (parts.includes('services')) {
    for (const mode of ['alert', 'block'] as const) {
      say(`judging in ${mode}`)
      const here = await whole(`judging in ${mode}`, () =>
        judgeServices(docker, agent, judging, mode, setting.containers),
      )
      judged.push(...(here ?? []))
    }
  }
  say('the intruder')
  const intruder = parts.includes('intruder')
    ? await whole('the intruder', () => intrude(engine, agent, holes(services, learned), say))
    : undefined
  return { windows, judged, intruder: intruder ?? [], failures }
}

/** The ways in that could be learned. */
function holes(
  services: ReadonlyMap<ServiceName, EvalService>,
  learned: readonly EvalService[],
): ReadonlyMap<ServiceName, EvalService> {
  return new Map([...services].filter(([, service]) => learned.includes(service)))
}
