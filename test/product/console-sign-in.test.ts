import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { violations } from '../fixtures/axe.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { Issuer } from '../fixtures/issuer.ts'
import { launchBrowser } from '../fixtures/page-browser.ts'
import { SimulatedFleet } from '../fixtures/simulated-fleet.ts'
import { closedPort } from '../fixtures/held-ports.ts'

/** People sign in at an issuer of another site, in a real browser, and come back to the page that they asked for. */
let issuer: Issuer
let fleet: SimulatedFleet
let served: ConsoleProcess
let browser: Browser
const folder = mkdtempSync('/tmp/snug-sign-in-')

beforeAll(async () => {
  issuer = await Issuer.start()
  fleet = await SimulatedFleet.start()
  fleet.node('n1')
  const port = await closedPort()
  const clientSecret = join(folder, 'client-secret')
  writeFileSync(clientSecret, `${issuer.clientSecret}\n`)
  served = await ConsoleProcess.start(
    {
      kubernetes: { access: fleet.kubeconfig },
      oidc: {
        issuer: issuer.url,
        audience: 'snug',
        jwks: `${issuer.url}/keys`,
        roleClaim: 'groups',
        roles: [{ value: 'snug-admins', role: 'admin' }],
      },
      signIn: {
        clientId: issuer.clientId,
        clientSecret,
        redirectUri: `http://127.0.0.1:${port}/v1/session/callback`,
      },
    },
    { port },
  )
  browser = await launchBrowser()
})

beforeEach(() => {
  issuer.claims = {}
  issuer.broken = false
})

afterAll(async () => {
  await browser?.close()
  await served?.[Symbol.asyncDispose]()
  await fleet?.[Symbol.asyncDispose]()
  await issuer?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function opened(place: string): Promise<Page> {
  const page = await (await browser.newContext()).newPage()
  await page.goto(`${served.url}/${place}`)
  return page
}

async function leave(page: Page): Promise<void> {
  await page.getByRole('link', { name: 'Sign in at your issuer' }).click()
}

test('a person who opens a view signed out comes back to it from the issuer, with a session', async () => {
  const page = await opened('#/map?namespace=shop')
  expect(await violations(page)).toEqual([])
  await leave(page)
  expect(new URL(page.url()).origin).toBe(issuer.url)
  await page.getByRole('link', { name: 'Log in as Ada' }).click()
  await page.getByRole('heading', { name: 'Map', level: 1 }).waitFor()
  expect(page.url()).toBe(`${served.url}/#/map?namespace=shop`)
  await page.getByText('ada, admin').waitFor()
  const cookies = await page.context().cookies(served.url)
  expect(cookies.map(({ name, httpOnly, sameSite }) => [name, httpOnly, sameSite])).toEqual([
    ['snug_session', true, 'Strict'],
  ])
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('link', { name: 'Sign in at your issuer' }).waitFor()
  await page.context().close()
})

test('a person without a role stays outside, and reads why', async () => {
  issuer.claims = { groups: [] }
  const page = await opened('')
  await leave(page)
  await page.getByRole('link', { name: 'Log in as Ada' }).click()
  await page.getByRole('alert').getByText('no `groups` of this token maps to a role').waitFor()
  expect(await page.context().cookies(served.url)).toEqual([])
  expect(await violations(page)).toEqual([])
  await page.context().close()
})

test('while the issuer is down, the page gives the reason, and a token still signs in', async () => {
  const page = await opened('')
  await leave(page)
  const consent = page.getByRole('link', { name: 'Log in as Ada' })
  await consent.waitFor()
  issuer.broken = true
  await consent.click()
  await page.getByRole('alert').getByText('the issuer does not answer as it should').waitFor()
  await page.getByLabel('Token').fill(served.tokens.viewer)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Images', level: 1 }).waitFor()
  await page.context().close()
})

test('an answer for a browser that has not begun is refused with a code, and a target elsewhere too', async () => {
  const at = (path: string) => fetch(`${served.url}${path}`, { redirect: 'manual' })
  const begun = await at('/v1/session/sign-in?to=%23%2Fmap')
  expect(begun.status).toBe(303)
  const back = new URL(issuer.consent(new URL(begun.headers.get('location') ?? '').searchParams))
  const answers = [
    at(back.pathname + back.search),
    at('/v1/session/sign-in?to=https%3A%2F%2Fevil.example'),
    fetch(`${served.url}/v1/session/sign-in`, { headers: { origin: 'https://evil.example' } }),
  ]
  const codes = (await Promise.all(answers)).map(({ status, headers }) => [
    status,
    headers.get('x-snug-code'),
    headers.get('location'),
  ])
  expect(codes).toEqual([
    [401, 'SIGN_IN_UNKNOWN', null],
    [400, 'SIGN_IN_TARGET_INVALID', null],
    [403, 'FORBIDDEN', null],
  ])
})
