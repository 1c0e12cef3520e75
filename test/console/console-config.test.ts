import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse } from 'yaml'
import { authorName } from '../../src/console/author-name.ts'
import { clusterOf, consoleSchema, loadConsoleConfig } from '../../src/console/console-config.ts'

describe('the config of the console', () => {
  it('is refused where it lets nobody in', () => {
    const config = { schema: 'snug.console/v1' }
    expect(consoleSchema.safeParse(config).success).toBe(false)
    expect(consoleSchema.safeParse({ ...config, tokens: '/t.json' }).success).toBe(true)
  })

  it('is refused by a code that names its file', () => {
    const folder = mkdtempSync('/tmp/snug-console-')
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'console.yaml')
    writeFileSync(file, 'schema: snug.console/v1\ntokens: /t.json\nlistens: 127.0.0.1:1\n')
    const load = (): unknown => loadConsoleConfig(file)
    expect(load).toThrow(expect.objectContaining({ code: 'CONSOLE_INVALID' }))
    expect(load).toThrow(file)
  })
})

describe('the fleet of a console', () => {
  const config = { schema: 'snug.console/v1', tokens: '/t.json' }
  const fleet = { type: 'nats', servers: ['127.0.0.1:4222'] }

  it('is a cluster, or the bucket of a fleet without one', () => {
    const cluster = consoleSchema.parse(config)
    expect(cluster.fleet).toBeUndefined()
    expect(clusterOf(cluster)).toEqual({ access: 'pod', namespace: 'snug' })
    expect(consoleSchema.parse({ ...config, fleet }).fleet?.bucket).toBe('snug')
  })

  it('is one of both', () => {
    const both = { ...config, fleet, kubernetes: {} }
    expect(consoleSchema.safeParse(both).success).toBe(false)
  })

  it.each([
    ['no server', { ...fleet, servers: [] }],
    ['no type', { servers: fleet.servers }],
    ['a user without a password', { ...fleet, user: 'console' }],
    ['a member of an agent', { ...fleet, shareWithin: '2m' }],
  ])('has no bucket with %s', (_, wrong) => {
    expect(consoleSchema.safeParse({ ...config, fleet: wrong }).success).toBe(false)
  })
})

it('the files in the documentation are valid', () => {
  const page = readFileSync(new URL('../../docs/console.md', import.meta.url), 'utf8')
  const files = [...page.matchAll(/^( *)```yaml\n( *schema: snug.console[^]*?)\n\1```/gm)]
  expect(files).toHaveLength(2)
  for (const [, , text = ''] of files) {
    const { error } = consoleSchema.safeParse(parse(text))
    expect(error?.issues).toBeUndefined()
  }
})

describe('the sign-in at an issuer', () => {
  const oidc = { issuer: 'https://login.example', audience: 'snug', jwks: '/keys.json' }
  const redirectUri = 'https://snug.example/v1/session/callback'
  const isTaken = (signIn: object, change: object = {}) =>
    consoleSchema.safeParse({
      schema: 'snug.console/v1',
      tokens: '/t.json',
      oidc: { ...oidc, ...change },
      signIn: { clientId: 'snug-console', redirectUri, ...signIn },
    }).success

  it('needs an issuer that has an address, and comes back to this page by TLS', () => {
    expect(isTaken({})).toBe(true)
    expect(isTaken({ redirectUri: 'http://127.0.0.1:7685/v1/session/callback' })).toBe(true)
    expect(isTaken({ redirectUri: 'http://snug.example/v1/session/callback' })).toBe(false)
    expect(isTaken({ redirectUri: 'https://snug.example/other' })).toBe(false)
    expect(isTaken({ redirectUri: `${redirectUri}?to=x` })).toBe(false)
    expect(isTaken({ scopes: ['groups'] })).toBe(false)
    expect(isTaken({}, { issuer: 'snug' })).toBe(false)
    expect(isTaken({}, { issuer: 'http://login.example' })).toBe(false)
  })
})

describe('the author of a decision', () => {
  it('is the person, as the API server takes it', () => {
    expect(authorName('oidc:ada@shop.example')).toBe('console:oidc:ada@shop.example')
  })

  it('stays another one for another person, however long or foreign the name', () => {
    const names = ['oidc:Zoë', 'oidc:Zo?', `oidc:${'a'.repeat(300)}`, `oidc:${'a'.repeat(301)}`]
    const authors = names.map(authorName)
    expect(new Set(authors).size).toBe(4)
    for (const author of authors) expect(author).toMatch(/^console:[\x20-\x7e]{1,120}$/)
  })
})
