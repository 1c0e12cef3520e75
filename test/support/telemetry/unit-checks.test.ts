import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { unitChecks } from '../../../src/support/telemetry/unit-checks.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync('/tmp/snug-units-')
  const slices = ['system.slice/web.service', 'user.slice/x.scope/db.service']
  for (const path of ['etc/systemd/system', ...slices.map((slice) => `cgroup/${slice}`)])
    mkdirSync(join(root, path), { recursive: true })
  for (const unit of ['web.service', 'db.service', 'job@.service'])
    writeFileSync(join(root, 'etc/systemd/system', unit), '')
})
afterEach(() => rmSync(root, { recursive: true }))

const adviceOn = async (glob: string): Promise<string | undefined> => {
  const [check] = await unitChecks([glob], join(root, 'cgroup'), root)
  return check?.advice
}

describe('the check of a glob of units', () => {
  it('names the units that run', async () => {
    expect(await unitChecks(['w*'], join(root, 'cgroup'), root)).toEqual([
      { name: 'units', ok: true, found: '`w*`: 1 running, web.service' },
    ])
  })

  it('counts no cgroup that a scope has made and named', async () => {
    expect(await adviceOn('db.service')).toBe(
      'db.service is installed and does not run: systemctl start it',
    )
  })

  it('gives the reason why it has none', async () => {
    expect(await adviceOn('web')).toContain('write `web.service`')
    expect(await adviceOn('job@*')).toContain('no instance of it runs')
    expect(await adviceOn('absent.service')).toContain('no service of that name is installed')
  })

  it('is none without a glob', async () => {
    expect(await unitChecks([], join(root, 'cgroup'), root)).toEqual([])
  })
})
