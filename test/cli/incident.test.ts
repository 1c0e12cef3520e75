import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cli } from '../fixtures/cli-fixtures.ts'
import {
  sampleAlert,
  sampleIncident,
  type ServerFixture,
  startFixture,
} from '../fixtures/server-fixtures.ts'

let fixture: ServerFixture
beforeEach(async () => {
  fixture = await startFixture()
})
afterEach(async () => {
  await fixture[Symbol.asyncDispose]()
})

const snug = (...args: string[]) => cli(['incident', ...args, '--socket', fixture.socket])

describe('snug incident list', () => {
  it('shows open incidents with their titles, and what is in none', async () => {
    const { stdout } = await snug('list')
    expect(stdout).toContain(`    ${sampleIncident.title}\n`)
    expect(stdout).toContain('open alerts in no incident: 4 low\n')
    expect(fixture.engine.calls).toEqual([
      { name: 'incidents', args: [{ state: 'open', limit: 101 }] },
    ])
  })

  it('passes each filter on', async () => {
    await snug('list', '--state', 'all', '--severity', 'high', '--image', 'shop', '--limit', '5')
    expect(fixture.engine.calls.at(-1)?.args).toEqual([
      { severity: 'high', image: 'shop', limit: 6 },
    ])
  })

  it('prints the answer as JSON, and each incident as a line of NDJSON', async () => {
    const { stdout } = await snug('list', '-o', 'json')
    expect(JSON.parse(stdout)).toMatchObject({ total: 1, outside: { low: 4 } })
    const { stdout: line } = await snug('list', '-o', 'ndjson')
    expect(JSON.parse(line)).toMatchObject({ id: '01-a', title: sampleIncident.title })
  })
})

describe('snug incident show', () => {
  it('has each step once, and why each alert is in the incident', async () => {
    const { stdout } = await snug('show', '01-a')
    expect(stdout).toContain('open, 2 of 2 alerts without a decision\n')
    expect(stdout).toContain('/usr/sbin/nginx: run /bin/sh\n')
    expect(stdout).toContain('  01-a it was raised first\n')
    expect(stdout).toContain('  01-b the same container as 01-a\n')
  })

  it('exits with 1 for an alert that is in no incident', async () => {
    const { exit, stderr } = await snug('show', '01-z')
    expect(exit).toBe(1)
    expect(stderr).toContain('INCIDENT_UNKNOWN')
  })
})

it('snug alert show names the incident of the alert', async () => {
  fixture.engine.kept = [sampleAlert('01-b')]
  const show = ['alert', 'show', '01-b', '--socket', fixture.socket]
  expect(JSON.parse((await cli([...show, '-o', 'json'])).stdout)).toMatchObject({
    incident: '01-a',
  })
  expect((await cli(show)).stdout).toContain('part of the incident 01-a\n')
})

describe('snug incident close', () => {
  it('decides on the incident as it was read, with the reason', async () => {
    const { stdout } = await snug('close', '01-a', '--reason', 'an exercise')
    expect(stdout).toContain('2 alerts')
    expect(fixture.engine.calls.at(-1)).toMatchObject({
      name: 'closeIncident',
      args: ['01-a', { revision: sampleIncident.revision }, { reason: 'an exercise' }],
    })
  })

  it('exits with 64 without a reason, and decides nothing', async () => {
    expect(await snug('close', '01-a')).toMatchObject({ exit: 64 })
    expect(fixture.engine.calls).toEqual([])
  })
})
