import type { Dockerd } from '../fixtures/dockerd.ts'
import { type Judged, judgeServices } from './false-alerts.ts'
import { type IntruderRow, intrude } from './intruder.ts'
import { learn, type Window } from './learned.ts'
import { makeServices, type ServiceName } from './services/all.ts'
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
}

/** What the intruder comes by. */
const holed = ['redis', 'postgres', 'app'] as const

/** Learns once; judges and intrudes on what was learned, by alerts first, then blocking; then an upgrade. */
export async function evaluate(setting: EvalSetting): Promise<EvalResults> {
  const { engine, parts, say } = setting
  const { docker, socket } = engine
  const startedAt = new Date()
  const judged: Judged[] = []
  const intruder: IntruderRow[] = []
  let windows: readonly Window[] = []
  if (parts.includes('services') || parts.includes('intruder')) {
    const names = new Set<ServiceName>(parts.includes('services') ? setting.services : [])
    if (parts.includes('intruder')) for (const name of holed) names.add(name)
    say(`images of ${[...names].join(', ')}`)
    const services = await makeServices(docker, [...names])
    const list = [...services.values()]
    const judging = list.filter(({ image }) => image !== services.get('app')?.image)
    say('learning')
    const learned = await learn(docker, socket, list, say)
    windows = learned.windows
    await using agent = learned.agent
    for (const mode of ['alert', 'block'] as const) {
      if (parts.includes('services')) {
        say(`judging in ${mode}`)
        judged.push(...(await judgeServices(docker, agent, judging, mode, setting.containers)))
      }
    }
    if (parts.includes('intruder')) {
      say('the intruder')
      intruder.push(...(await intrude(engine, agent, services, say)))
    }
  }
  const upgraded = parts.includes('upgrade') ? await upgrade(engine, say) : undefined
  return {
    startedAt: startedAt.toISOString(),
    seconds: (Date.now() - startedAt.getTime()) / 1_000,
    windows,
    judged,
    intruder,
    ...(upgraded === undefined ? {} : { upgrade: upgraded }),
  }
}
