import { type RequestOptions, request } from 'node:http'
import { expect, it } from 'vitest'
import { adminToken, ask, bearer } from '../fixtures/api-client.ts'
import { drawn } from '../fixtures/seed.ts'
import { sampleAlert, startFixture } from '../fixtures/server-fixtures.ts'

/** More than the resets after which Node ends the session between gateway and daemon. */
const clients = 800
const atOnce = 50

/** Leaves after so many bytes of the answer; resolves then, with whether the answer was over. */
function askUntil(url: string, how: RequestOptions, bytes: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { ...how, agent: false })
    let seen = 0
    asked.once('error', reject)
    asked.once('response', (answer) => {
      answer.on('data', (part: Buffer) => {
        seen += part.length
        if (seen < bytes) return
        asked.off('error', reject).on('error', () => undefined)
        asked.destroy()
        resolve(false)
      })
      answer.once('end', () => resolve(true))
      answer.on('error', () => undefined)
    })
    asked.end()
  })
}

it(`${clients} clients that leave in the middle of an answer harm nobody else`, async () => {
  await using fixture = await startFixture({ tcp: true })
  const headers = bearer(adminToken(fixture))
  fixture.engine.kept = Array.from({ length: 60 }, (_, n) => sampleAlert(`01-${n}`))
  const url = `${fixture.url}/v1/alerts?limit=60`
  const whole = (await (await fetch(url, { headers })).text()).length
  const draw = drawn()
  let left = clients
  let inTheMiddle = 0
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      if (!(await askUntil(url, { headers }, draw() * whole))) inTheMiddle += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  expect(whole).toBeGreaterThan(50_000)
  expect(inTheMiddle).toBeGreaterThan(clients / 2)
  expect((await ask(fixture, '/healthz')).status).toBe(200)
  expect((await (await fetch(url, { headers })).text()).length).toBe(whole)
  expect(fixture.log.filter((line) => line.includes('"level":"error"'))).toEqual([])
})
