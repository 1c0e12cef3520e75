import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  documentText,
  parseProfileDocument,
} from '../../src/supplychain/export/profile-document.ts'
import type { GateResult } from '../../src/supplychain/findings/finding.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { act, learned } from '../fixtures/event-fixture.ts'
import { fileOf } from '../fixtures/gate-fixtures.ts'

const sample = fileURLToPath(new URL('../schemas/sbob-redis.yaml', import.meta.url))
const image = `registry.example/shop/redis@sha256:${'ab'.repeat(32)}`
let dir = ''
const at = (name: string): string => join(dir, name)

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'snug-shipped-'))
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const taken = (...more: readonly string[]) => cli(['profile', 'import', ...more])

it('a Software Bill of Behavior becomes a profile of the image as a file, without an agent', async () => {
  const out = at('prior.json')
  const { exit, stdout, stderr } = await taken(
    sample,
    '--image',
    image,
    '--user',
    '999',
    '--out',
    out,
  )
  expect([exit, stdout]).toEqual([0, ''])
  expect(stderr).toContain('snug: the format has no users and no actors')
  const document = parseProfileDocument(JSON.parse(readFileSync(out, 'utf8')))
  expect(document.prior).toEqual({ name: 'argocd-redis' })
  expect(new Set(document.behaviours.map(({ uid }) => uid))).toEqual(new Set([999]))
  // As a baseline it is compared with what a run of the tests showed.
  const redis = { exe: '/usr/local/bin/redis-server', uid: 999 }
  const seen = learned(
    act.file('/etc/passwd', ['read'], redis),
    act.file('/srv/app.conf', ['write'], redis),
  )
  writeFileSync(at('seen.json'), documentText(fileOf(seen)))
  const inspected = {
    Id: `sha256:${'1'.repeat(64)}`,
    Created: '2026-11-01T10:00:00Z',
    Config: { User: 'redis' },
    RootFS: { Layers: [`sha256:${'1'.repeat(64)}`] },
  }
  writeFileSync(at('image.json'), JSON.stringify([inspected]))
  const files = [
    '--image-config',
    at('image.json'),
    '--baseline',
    out,
    '--profile',
    at('seen.json'),
  ]
  const gate = await cli(['gate', 'redis', ...files, '-o', 'json'])
  expect(gate.exit).toBe(2)
  expect((JSON.parse(gate.stdout) as GateResult).findings).toMatchObject([
    { rule: 'new-write', path: '/srv/app.conf' },
  ])
})

it('its users are the declared one and root, unless they are named', async () => {
  const text = readFileSync(sample, 'utf8')
  const { exit } = await cli(
    ['profile', 'import', '-', '--image', image, '--out', at('default.json')],
    { stdin: text },
  )
  expect(exit).toBe(0)
  const { behaviours } = parseProfileDocument(JSON.parse(readFileSync(at('default.json'), 'utf8')))
  expect(new Set(behaviours.map(({ uid }) => uid))).toEqual(new Set([0, 'declared']))
})

it('bad input is refused by its code, with the member', async () => {
  const profile = readFileSync(sample, 'utf8')
  const given = async (text: string, ...more: readonly string[]) => {
    writeFileSync(at('bad.yaml'), text)
    const { exit, stderr } = await taken(at('bad.yaml'), '--out', at('x.json'), ...more)
    return [exit, stderr] as const
  }
  const withImage = ['--image', image] as const
  expect(await given(profile)).toEqual([64, expect.stringContaining('--image')])
  expect(await given(profile, ...withImage, '--user', 'root')).toEqual([
    64,
    expect.stringContaining('`root`'),
  ])
  expect(await given(profile.replace('CAP_SETGID', 'setgid'), ...withImage)).toEqual([
    3,
    expect.stringMatching(/`spec\.capabilities\.3`.*PROFILE_INVALID/),
  ])
  expect(await given('kind: [', ...withImage)).toEqual([
    3,
    expect.stringContaining('PROFILE_INVALID'),
  ])
  expect(await given('just text', ...withImage)).toEqual([
    3,
    expect.stringContaining('PROFILE_INVALID'),
  ])
  expect((await taken(at('none.yaml'), ...withImage)).exit).toBe(1)
})
