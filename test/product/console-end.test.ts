import { Agent, request } from 'node:http'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { type FleetImage, profileName } from '../../src/fleet/fleet-image.ts'
import { kubeAccess } from '../../src/fleet/kubernetes/access.ts'
import { KubeApi } from '../../src/fleet/kubernetes/api.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { digestOf } from '../fixtures/kube-pods.ts'
import { fleetPaths, SimulatedFleet } from '../fixtures/simulated-fleet.ts'
import { patienceMs } from '../fixtures/patience.ts'

/** `snug console` ends while clients decide, as the pod of a Deployment that is replaced. */
const images = Array.from({ length: 8 }, (_, n): FleetImage => {
  return { repository: `shop/web-${n}`, digest: digestOf(`web-${n}`) }
})

/** Decides on one image over one connection, again and again, for as long as the console takes connections. */
class Client {
  readonly confirmed: string[] = []
  readonly refused: unknown[] = []
  readonly name: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(image: FleetImage) {
    this.name = profileName(image)
  }

  async decideAt({ port, tokens }: ConsoleProcess): Promise<void> {
    const path = `/v1/fleet/images/${this.name}/approve`
    const headers = {
      authorization: `Bearer ${tokens.reviewer}`,
      'content-type': 'application/json',
      'if-match': '*',
    }
    for (let count = 0; ; count += 1) {
      const id = `b${count.toString(16).padStart(20, '0')}`
      const asked = request({ port, path, method: 'POST', agent: this.#agent, headers })
      const gone = await new Promise<boolean>((resolve) => {
        asked.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'ECONNREFUSED'))
        asked.once('response', (answer) => {
          json(answer).then(
            (body) => {
              if (answer.statusCode === 200) this.confirmed.push(id)
              else this.refused.push(body)
              resolve(false)
            },
            () => resolve(false),
          )
        })
        asked.end(JSON.stringify({ behaviours: [id] }))
      })
      if (gone) break
    }
    this.#agent.destroy()
  }
}

test('a console that ends makes and answers the decisions that it was asked for, and refuses none', async () => {
  await using fleet = await SimulatedFleet.start()
  for (const image of images) fleet.profile(image)
  await using served = await ConsoleProcess.start({ kubernetes: { access: fleet.kubeconfig } })
  const clients = images.map((image) => new Client(image))
  const ends = clients.map((client) => client.decideAt(served))
  await expect.poll(() => clients.every(({ confirmed }) => confirmed.length > 3)).toBe(true)
  expect(await served.end('SIGTERM')).toBe(0)
  await Promise.all(ends)
  expect(clients.flatMap(({ refused }) => refused)).toEqual([])
  const api = new KubeApi(kubeAccess(fleet.kubeconfig))
  for (const { name, confirmed } of clients) {
    const path = `${fleetPaths.profiles}/${name}`
    const { spec } = (await api.list(path, {}, AbortSignal.timeout(patienceMs))) as ImageProfile
    const made = new Set(spec.decisions?.map(({ behaviour }) => behaviour))
    expect(confirmed.filter((id) => !made.has(id))).toEqual([])
  }
})
