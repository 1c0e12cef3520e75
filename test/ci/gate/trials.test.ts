import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { ActEvent } from '../../../src/core/event/event.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import { loadAttacks } from '../../../src/support/config/load-attacks.ts'
import { loadRequirements, representativeSchema } from '../../../src/ci/gate/representative.ts'
import { act, learned } from '../../fixtures/event-fixture.ts'
import { against, fileOf, gate, policy, reported, service } from '../../fixtures/gate-fixtures.ts'

const attacks = loadAttacks()

/** A service that does this at home: a person approved what guardrails held back. */
function approved(...events: readonly ActEvent[]): Profile {
  const profile = learned(...events)
  const at = '2026-11-24T14:00:00.000000Z'
  profile.decideAll(
    profile.entries().map(({ id }) => id),
    { kind: 'approved', by: 'cli:root', at },
  )
  return profile
}

describe('the contrast of a profile', () => {
  it('is detectable for each recorded attack where the service does nothing of it', () => {
    const { contrast, passed } = gate({ profile: fileOf(service()), attacks })
    expect(contrast).toMatchObject({ tried: attacks.length, blind: 0 })
    expect(contrast?.attacks.map(({ outcome }) => outcome)).toEqual(attacks.map(() => 'detectable'))
    expect(passed).toBe(true)
  })

  it.each(attacks.map((trace) => [trace.name, trace] as const))(
    'is blind for %s where a person approved it, and names the program',
    (name, trace) => {
      const profile = fileOf(approved(...trace.events))
      const { contrast, findings, passed } = gate({ profile, attacks: [trace] })
      expect(contrast).toMatchObject({ blind: 1, attacks: [{ name, outcome: 'blind' }] })
      const blind = findings.filter(({ rule }) => rule === 'blind-attack')
      expect(blind.length).toBe(contrast?.attacks[0]?.actors.length)
      expect(blind[0]).toMatchObject({ level: 'approve', text: expect.stringContaining(name) })
      expect(passed).toBe(false)
    },
  )

  it('needs all of an attack, and takes an approval for one program only', () => {
    const [cron, hashes] = ['a cron job', 'reading the password hashes'].map((name) =>
      attacks.find((trace) => trace.name === name),
    )
    if (cron === undefined || hashes === undefined) throw new Error('an attack is missing')
    const service = { ...cron, events: [...cron.events, ...hashes.events] }
    const part = fileOf(approved(...cron.events))
    expect(gate({ profile: part, attacks: [service] }).contrast).toMatchObject({ blind: 0 })
    const all = { profile: fileOf(approved(...service.events)), attacks: [cron, hashes] }
    const open = gate(all)
    const [one] = open.findings.filter(({ rule }) => rule === 'blind-attack')
    const approval = { owner: 'web', until: '2026-12-31T00:00:00Z', reason: 'it is a shell' }
    const approvals = [{ finding: one?.id ?? '', ...approval }]
    const after = gate({ ...all, policy: { ...policy, approvals } })
    const blind = after.findings.filter(({ rule }) => rule === 'blind-attack')
    expect(blind.find(({ id }) => id === one?.id)?.approved).toMatchObject({ owner: 'web' })
    expect(blind.filter((finding) => finding.approved === undefined).length).toBe(blind.length - 1)
    expect(blind.length).toBeGreaterThan(1)
  })
})

describe('a profile that must be representative', () => {
  const requirements = (more: object) =>
    representativeSchema.parse({ schema: 'snug.representative/v1', ...more })
  const missing = (more: object, profile = service()) =>
    gate({ profile: fileOf(profile), requirements: requirements(more) }).representative?.missing

  it('is where it has seen all that is named', () => {
    const all = {
      programs: ['/usr/sbin/nginx', '/usr/bin/*'],
      peers: [{ peer: '10.0.0.7', port: 5432 }, { peer: '10.0.0.0/8' }],
      listens: [{ port: 80 }],
      files: [{ path: '/var/log/nginx/*.log', access: 'write' }, { path: '/etc/nginx/**' }],
    }
    expect(missing(all)).toEqual([])
    const { representative, passed } = gate({
      profile: fileOf(service()),
      requirements: requirements(all),
    })
    expect([representative?.required, passed]).toEqual([8, true])
  })

  it.each([
    [{ programs: ['/usr/bin/convert'] }, 'program /usr/bin/convert never ran'],
    [{ peers: [{ peer: '10.0.0.7', port: 80 }] }, 'peer tcp 10.0.0.7:80 was never connected to'],
    [{ peers: [{ peer: '*.shop' }] }, 'peer tcp *.shop was never connected to'],
    [
      { peers: [{ peer: '10.0.0.7', protocol: 'udp' }] },
      'peer udp 10.0.0.7 was never connected to',
    ],
    [{ listens: [{ port: 443 }] }, 'it never listened on tcp 443'],
    [{ files: [{ path: '/etc/nginx/**', access: 'write' }] }, 'no file /etc/nginx/** was written'],
    [{ containers: 2 }, 'containers: 1 observed, at least 2 needed'],
  ])('is not without %j', (more, text) => {
    expect(missing(more)).toEqual([text])
    const result = against(service(), { requirements: requirements(more) })
    expect(reported(result)).toContain(`approve not-representative: ${text}`)
    expect(result.passed).toBe(false)
  })

  it('counts neither exec sessions, nor what a guardrail holds back, nor what was inherited', () => {
    const session = { origin: 'exec-in', session: 's1' } as const
    const byHand = service(act.exec('/usr/bin/convert', session))
    expect(missing({ programs: ['/usr/bin/convert'] }, byHand)).toHaveLength(1)
    const inherited = fileOf(service())
    const behaviours = inherited.behaviours.map((entry) => ({
      ...entry,
      cells: [],
      inherited: { from: 'profile:web', grants: [{ origin: 'entrypoint' as const }] },
    }))
    const result = gate({
      profile: { ...inherited, behaviours },
      requirements: requirements({ programs: ['/usr/bin/helper'] }),
    })
    expect(result.representative?.missing).toContain('program /usr/bin/helper never ran')
  })

  it('finds names of DNS with and without the final dot, and paths that vary', () => {
    const named: ActEvent = {
      ...act.connect('203.0.113.9', 443),
      kind: 'connect',
      connect: { protocol: 'tcp', address: '203.0.113.9', port: 443, name: 'api.example.' },
    }
    const job = act.file('/srv/jobs/3f2504e0-4f89-41d3-9a0c-0305e82c3301.json', ['create'])
    const profile = service(named, job)
    for (const peer of ['api.example', 'api.example.', '*.example']) {
      expect(missing({ peers: [{ peer, port: 443 }] }, profile)).toEqual([])
    }
    expect(missing({ files: [{ path: '/srv/jobs/*.json' }] }, profile)).toEqual([])
    expect(missing({ files: [{ path: '/srv/*.json' }] }, profile)).toHaveLength(1)
  })

  it('is refused with the line where the file is wrong', () => {
    const dir = mkdtempSync(join(tmpdir(), 'snug-must-'))
    const file = join(dir, 'must.yaml')
    try {
      for (const [text, line] of [
        ['schema: snug.representative/v1\nprogram: [/a]\n', /line 2: `program`/],
        ['schema: snug.representative/v1\npeers: [{ port: 80 }]\n', /line 2: `peers\.0\.peer`/],
        ['schema: other\n', /line 1: `schema`/],
      ] as const) {
        writeFileSync(file, text)
        expect(() => loadRequirements(file)).toThrow(
          expect.objectContaining({ code: 'POLICY_INVALID', message: expect.stringMatching(line) }),
        )
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})
