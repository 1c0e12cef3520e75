import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Alert } from '../../src/core/event/alert.ts'
import type { StatusView } from '../../src/api/status-views.ts'
import { type Agent, startAgent, type Tail } from '../fixtures/agent.ts'
import { sharedEngine } from '../fixtures/engine-socket.ts'
import { learnerConfig, setMode, startLearned } from '../fixtures/learned-agent.ts'
import { learnServices, type Running, type Service, services } from '../fixtures/services.ts'

/** Five for the record; for every day as long as the slowest period of the services, and half as long again. */
const minutes = Number(process.env['SNUG_BLOCK_MINUTES'] ?? 0.5)
const { docker, socket } = sharedEngine()

let list: readonly Service[]
let agent: Agent
let alerts: Tail<Alert>
const running: Running[] = []

beforeAll(async () => {
  list = await services(docker)
  agent = await startAgent({ docker: socket, config: learnerConfig })
  await learnServices(list)
  const images = list.map(({ image }) => image)
  agent = await startLearned(agent, socket, images)
  for (const image of images) await setMode(agent, image, 'block')
  alerts = await agent.tail<Alert>(['alert', 'tail'])
})

afterAll(async () => {
  for (const one of running) await one.stop()
  await agent[Symbol.asyncDispose]()
})

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Alerts on other containers of this machine do not count. */
function reported(): readonly string[] {
  const ours = alerts.items
    .map(({ item }) => item)
    .filter(({ image }) => list.some((one) => one.image === `${image?.repository}:${image?.tag}`))
  return ours.map(({ type, action, process, behaviour, reasons }) =>
    [type, action, process?.exe, process?.uid, behaviour?.text, reasons[0]].join(' '),
  )
}

/**
 * Events that reached user space: the kernel only counts learned ones. A watch on events would bring
 * all of them up. Unprofiled are those of containers that belong to another engine of this machine.
 */
async function cameUp(): Promise<number> {
  const { counters } = await agent.json<StatusView>(['status'])
  const { expected = 0, learned = 0, deviation = 0 } = counters
  return expected + learned + deviation
}

/** Blocking is why a service does not answer: the alerts give the reason. */
async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    expect(reported()).toEqual([])
    throw error
  }
}

test(`nginx, redis and PostgreSQL go on for ${minutes} min under full load in block mode: nothing is stopped, reported or sent up`, async () => {
  const before = await cameUp()
  const end = Date.now() + minutes * 60_000
  const rounds = await explained(async () => {
    for (const service of list) running.push(await service.start())
    return Promise.all(
      running.map(async (service) => {
        const rates: number[] = []
        while (Date.now() < end) {
          await service.warm()
          rates.push(await service.rate(5))
        }
        return rates
      }),
    )
  })
  console.log(
    JSON.stringify(
      rounds.map((rates, i) => ({
        service: list[i]?.name,
        rounds: rates.length,
        meanRate: Math.round(sum(rates) / rates.length),
      })),
    ),
  )
  expect(Math.min(...rounds.map(({ length }) => length))).toBeGreaterThan(0)
  for (const { container } of running) {
    const { State } = await container.inspect()
    expect(State).toMatchObject({ Running: true, OOMKilled: false })
  }

  expect(reported()).toEqual([])
  expect((await cameUp()) - before).toBe(0)
  const { counters } = await agent.json<StatusView>(['status'])
  expect(counters['kernelDisagreements']).toBe(0)
})
