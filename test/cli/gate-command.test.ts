import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ActEvent } from '../../src/core/event/event.ts'
import type { GrafeasDocument } from '../../src/supplychain/export/grafeas.ts'
import { profileDocument } from '../../src/supplychain/export/profile-document.ts'
import { act } from '../fixtures/event-fixture.ts'
import { cli } from '../fixtures/cli-fixtures.ts'
import { fileOf, service } from '../fixtures/gate-fixtures.ts'

const image = {
  Id: `sha256:${'2'.repeat(64)}`,
  Created: '2026-11-01T10:00:00Z',
  Config: { User: 'web' },
  RootFS: { Layers: [`sha256:${'1'.repeat(64)}`] },
}
let dir = ''
const at = (name: string): string => join(dir, name)
const run = (...more: readonly string[]) =>
  cli(['gate', 'shop/web:2', '--image-config', at('image.json'), ...more])

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'snug-gate-'))
  const save = (name: string, tag: string, ...more: readonly ActEvent[]): void => {
    const { image: ref, behaviours } = fileOf(service(...more), tag)
    writeFileSync(at(name), profileDocument(ref, behaviours))
  }
  save('old.json', '1')
  save('same.json', '2')
  save('new.json', '2', act.connect('203.0.113.9', 443, { exe: '/usr/bin/helper' }))
  writeFileSync(at('image.json'), JSON.stringify([image]))
  writeFileSync(
    at('policy.yaml'),
    'schema: snug.gate/v1\nimage:\n  base:\n    approved: [{ name: ours, layers: [nothing] }]\n',
  )
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

it('passes an unchanged rebuild with exit code 0', async () => {
  const { exit, stdout, stderr } = await run(
    '--profile',
    at('same.json'),
    '--baseline',
    at('old.json'),
  )
  expect([exit, stderr]).toEqual([0, ''])
  expect(stdout).toBe(
    [
      'image       shop/web:2',
      'against     shop/web:1',
      'behaviours  6 seen, 6 as before',
      'gate        open',
      '',
    ].join('\n'),
  )
})

it('stops a version with a new outbound connection with exit code 2, and prints exactly that', async () => {
  const { exit, stdout } = await run('--profile', at('new.json'), '--baseline', at('old.json'))
  expect(exit).toBe(2)
  expect(stdout.replace(/b[0-9a-f]{9}/, 'bXXXXXXXXX')).toBe(
    [
      'image       shop/web:2',
      'against     shop/web:1',
      'behaviours  7 seen, 6 as before',
      'gate        shut: 1 decision is needed',
      '',
      '        FINDING                 ID',
      'DECIDE  connects to a new peer  bXXXXXXXXX',
      '    /usr/bin/helper as uid 101: connect to tcp 203.0.113.9:443',
      '',
    ].join('\n'),
  )
})

it('writes reports besides its output, and one of them instead of it', async () => {
  const { exit, stdout } = await run(
    '--profile',
    at('new.json'),
    '--baseline',
    at('old.json'),
    '--write',
    `sarif=${at('out.sarif')}`,
    '--write',
    `junit=${at('out.xml')}`,
    '--write',
    'markdown=-',
  )
  expect(exit).toBe(2)
  expect(stdout).toMatch(/^### Snug gate: `shop\/web:2`/)
  expect(JSON.parse(readFileSync(at('out.sarif'), 'utf8'))).toMatchObject({ version: '2.1.0' })
  expect(readFileSync(at('out.xml'), 'utf8')).toContain('failures="1"')
})

it('reports invalid input by exit code 1, 3 or 64', async () => {
  const wrong = await run('--profile', at('image.json'))
  expect([wrong.exit, wrong.stderr]).toEqual([3, expect.stringContaining('PROFILE_INVALID')])
  const policy = await run('--policy', at('policy.yaml'))
  expect(policy.exit).toBe(3)
  expect(policy.stderr).toMatch(/line 4: `image\.base\.approved\.0\.layers\.0`/)
  expect((await run('--write', 'pdf=x')).exit).toBe(64)
  expect((await run('--profile', at('none.json'))).exit).toBe(1)
})

it('does not pass by an image that it could not look at', async () => {
  const env = { SNUG_ENGINES_DOCKER_SOCKET: at('no.sock') }
  const args = ['gate', 'shop/web:2', '--profile', at('same.json'), '--baseline', at('old.json')]
  const lenient = await cli(args, { env })
  expect([lenient.exit, lenient.stderr]).toEqual([0, expect.stringContaining('not inspected')])
  writeFileSync(at('strict.yaml'), 'schema: snug.gate/v1\nimage: { root: approve }\n')
  const strict = await cli([...args, '--policy', at('strict.yaml')], { env })
  expect([strict.exit, strict.stderr]).toEqual([1, expect.stringContaining('ENGINE_UNAVAILABLE')])
})

it('writes a result for Grafeas, by its project', async () => {
  const files = ['--profile', at('new.json'), '--baseline', at('old.json')]
  const { exit, stdout } = await run(...files, '--write', 'grafeas=-', '--grafeas-project', 'ci')
  expect(exit).toBe(2)
  const { notes, occurrences } = JSON.parse(stdout) as GrafeasDocument
  expect(Object.keys(notes)).toEqual(['snug-gate', 'snug-gate-new-peer'])
  expect(occurrences).toMatchObject([
    { noteName: 'projects/ci/notes/snug-gate', resourceUri: 'https://shop/web:2' },
    { noteName: 'projects/ci/notes/snug-gate-new-peer', kind: 'COMPLIANCE' },
  ])
})

it('tries the installed attacks and what must have been seen, with exit code 2 where one fails', async () => {
  const files = ['--profile', at('same.json'), '--baseline', at('old.json')]
  writeFileSync(
    at('must.yaml'),
    'schema: snug.representative/v1\nprograms: [/usr/sbin/nginx, /usr/bin/convert]\n',
  )
  const contrast = await run(...files, '--contrast')
  expect([contrast.exit, contrast.stderr]).toEqual([0, ''])
  expect(contrast.stdout).toMatch(/^attacks +22 tried, 0 would pass$/m)
  const { exit, stdout } = await run(...files, '--contrast', '--representative', at('must.yaml'))
  expect(exit).toBe(2)
  expect(stdout).toMatch(/^required +2 of 3 were seen$/m)
  expect(stdout).toMatch(
    /lacks what it must have seen +unseen-[0-9a-f]{10}\n +program \/usr\/bin\/convert never ran/,
  )
  const json = await run(...files, '--representative', at('must.yaml'), '-o', 'json')
  expect(JSON.parse(json.stdout)).toMatchObject({
    passed: false,
    representative: { required: 3, missing: ['program /usr/bin/convert never ran'] },
  })
  const none = await run('--contrast')
  expect([none.exit, none.stderr]).toEqual([64, expect.stringContaining('`--profile`')])
  const wrong = await run(...files, '--contrast', at('none'))
  expect([wrong.exit, wrong.stderr]).toEqual([3, expect.stringContaining('RULES_INVALID')])
  const bad = await run(...files, '--representative', at('policy.yaml'))
  expect([bad.exit, bad.stderr]).toEqual([3, expect.stringContaining('POLICY_INVALID')])
})
