import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { behavioursOf } from '../../../src/core/behaviour/behaviour.ts'
import { objectLine } from '../../../src/core/behaviour/describe.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { parseProfileDocument } from '../../../src/supplychain/export/profile-document.ts'
import { foldersDeep } from '../../../src/supplychain/prior/shipped-paths.ts'
import { mostShipped, shippedPrior } from '../../../src/supplychain/prior/shipped-prior.ts'
import { parseShippedProfile } from '../../../src/supplychain/prior/shipped-profile.ts'
import type { User } from '../../../src/core/behaviour/user.ts'
import { act, shaper } from '../../fixtures/event-fixture.ts'

const sample = readFileSync(new URL('../../schemas/sbob-redis.yaml', import.meta.url), 'utf8')
const image = { repository: 'shop/redis', digest: `sha256:${'ab'.repeat(32)}` }

function profileOf(spec: object): object {
  return {
    apiVersion: 'spdx.softwarecomposition.kubescape.io/v1beta1',
    kind: 'ContainerProfile',
    metadata: { name: 'web' },
    spec,
  }
}

function priorOf(value: unknown, users: readonly User[] = [101], container?: string) {
  const { document, notes } = shippedPrior(parseShippedProfile(value, container), image, users)
  // As it is read back from a file.
  const profile = Profile.load(parseProfileDocument(structuredClone(document)).behaviours, shaper)
  const expects = (event: ActEvent): boolean =>
    behavioursOf(event, profile.shaper).every((ref) => profile.isExpected(ref, 0))
  return { document, notes: notes.join('\n'), expects }
}

const app = { path: '/app', args: ['/app', '⋯⋯'] }
const by = { exe: '/app', parent: '/app' }

describe('a Software Bill of Behavior as its vendor ships it', () => {
  const { document, notes, expects } = priorOf(parse(sample), [999])
  const redis = { exe: '/usr/local/bin/redis-server', uid: 999 }

  it('expects its programs, scripts, files and capabilities, of its users', () => {
    const started = { exe: '/usr/local/bin/redis-server', uid: 999, parent: '/bin/busybox' }
    expect(expects(act.exec('/usr/local/bin/redis-server', started))).toBe(true)
    expect(expects(act.file('/etc/ssl/openssl.cnf', ['read'], redis))).toBe(true)
    expect(expects(act.file('/proc/812/stat', ['read'], redis))).toBe(true)
    expect(document.behaviours.map(({ object }) => objectLine(object))).toContain(
      'run /bin/busybox (script /usr/local/bin/docker-entrypoint.sh)',
    )
    expect(document.behaviours.map(({ object }) => objectLine(object))).toContain(
      'use CAP_NET_ADMIN',
    )
  })

  it('expects nothing else: no other program, file, access, user, and no exec session', () => {
    expect(expects(act.exec('/bin/bash', redis))).toBe(false)
    expect(expects(act.file('/etc/shadow', ['read'], redis))).toBe(false)
    expect(expects(act.file('/etc/passwd', ['write'], redis))).toBe(false)
    expect(expects(act.file('/proc/812/task/7/stat', ['read'], redis))).toBe(false)
    expect(expects(act.file('/etc/passwd', ['read'], { ...redis, uid: 0 }))).toBe(false)
    const session = { ...redis, origin: 'exec-in', session: 's1' } as const
    expect(expects(act.file('/etc/passwd', ['read'], session))).toBe(false)
  })

  it('is a prior without evidence, which names what it does not carry', () => {
    expect(document.prior).toEqual({ name: 'argocd-redis' })
    expect(document.observed).toEqual(['exec', 'file', 'capability'])
    expect(document.behaviours.flatMap(({ cells }) => cells)).toEqual([])
    expect(notes).toContain('no users and no actors')
    expect(notes).toContain('ingress, exceptions of rules are not taken')
  })
})

describe('a shipped profile', () => {
  it('takes one segment for `⋯`, and folders within folders for `*`', () => {
    const opens = [
      { path: '/srv/⋯/a', flags: ['O_RDONLY'] },
      { path: '/lib/*', flags: ['O_RDONLY'] },
      { path: '/log/web-*.log', flags: ['O_WRONLY', 'O_CREAT'] },
    ]
    const { expects } = priorOf(profileOf({ execs: [app], opens }))
    const reads = (path: string): boolean => expects(act.file(path, ['read'], by))
    expect([reads('/srv/x/a'), reads('/srv/x/y/a'), reads('/srv/a')]).toEqual([true, false, false])
    expect([reads('/lib/a'), reads('/lib/a/b/c'), reads('/lib')]).toEqual([true, true, false])
    expect(reads(`/lib${'/d'.repeat(foldersDeep)}`)).toBe(true)
    expect(reads(`/lib${'/d'.repeat(foldersDeep + 1)}`)).toBe(false)
    for (const access of ['create', 'write', 'delete', 'setattr'] as const) {
      expect(expects(act.file('/log/web-7.log', [access], by))).toBe(true)
    }
    expect(expects(act.file('/log/other.log', ['write'], by))).toBe(false)
  })

  it('takes peers by address, block and name, and none by labels or without a port', () => {
    const ports = [{ name: 'TCP-443', port: 443, protocol: 'TCP' }]
    const egress = [
      { type: 'external', ipAddresses: ['203.0.113.7', '10.0.0.0/8'], ports },
      { type: 'external', dnsNames: ['API.example.'], ports },
    ]
    const { document, expects } = priorOf(profileOf({ execs: [app], egress }))
    expect(document.observed).toContain('connect')
    expect(expects(act.connect('203.0.113.7', 443, by))).toBe(true)
    expect(expects(act.connect('10.1.2.3', 443, by))).toBe(true)
    expect(expects(act.connect('10.1.2.3', 80, by))).toBe(false)
    expect(document.behaviours.map(({ object }) => objectLine(object))).toContain(
      'connect to tcp api.example.:443',
    )
    for (const lost of [
      { type: 'internal', podSelector: { matchLabels: { app: 'db' } }, ports },
      { type: 'external', ipAddresses: ['203.0.113.8'], ports: [] },
      { type: 'external', dnsNames: ['*.example.'], ports },
    ]) {
      const partly = priorOf(profileOf({ execs: [app], egress: [...egress, lost] }))
      expect(partly.document.observed).not.toContain('connect')
      expect(partly.notes).toContain('1 of its peers are not taken')
      expect(partly.expects(act.connect('203.0.113.7', 443, by))).toBe(true)
    }
  })

  it('is one container of an ApplicationProfile', () => {
    const container = (name: string, path: string) => ({ name, execs: [{ path, args: null }] })
    const containers = [container('web', '/app'), container('sidecar', '/proxy')]
    const profile = {
      ...profileOf({ containers, initContainers: null }),
      kind: 'ApplicationProfile',
    }
    expect(priorOf(profile, [101], 'web').document).toMatchObject({ prior: { name: 'web/web' } })
    expect(priorOf(profile, [101], 'web').expects(act.exec('/app', by))).toBe(true)
    expect(priorOf(profile, [101], 'web').expects(act.exec('/proxy', by))).toBe(false)
    for (const name of [undefined, 'other']) {
      expect(() => priorOf(profile, [101], name)).toThrow(/`web`, `sidecar`/)
    }
  })

  it('notes that its signature was not verified', () => {
    const annotations = { 'signature.kubescape.io/signature': 'c2ln' }
    const signed = { ...profileOf({ execs: [app] }), metadata: { name: 'web', annotations } }
    expect(priorOf(signed).notes).toContain('its signature was not verified')
    expect(priorOf(profileOf({ execs: [app] })).notes).not.toContain('signature')
  })

  it.each([
    ['no object', []],
    ['another kind', { ...profileOf({ execs: [app] }), kind: 'SBOM' }],
    ['another API', { ...profileOf({ execs: [app] }), apiVersion: 'v1' }],
    ['no name', { ...profileOf({ execs: [app] }), metadata: {} }],
    ['no spec', { ...profileOf({}), spec: null }],
    ['no program', profileOf({ execs: [] })],
    ['only programs by a pattern', profileOf({ execs: [{ path: '/bin/⋯' }] })],
    ['a path that is no text', profileOf({ execs: [{ path: 7 }] })],
    ['an empty path', profileOf({ execs: [app], opens: [{ path: '', flags: [] }] })],
    ['an unknown flag', profileOf({ execs: [app], opens: [{ path: '/a', flags: ['read'] }] })],
    ['an unknown capability', profileOf({ execs: [app], capabilities: ['root'] })],
    [
      'a port that is none',
      profileOf({
        execs: [app],
        egress: [{ ipAddresses: ['10.0.0.1'], ports: [{ port: 70_000 }] }],
      }),
    ],
    [
      'more than one container does',
      profileOf({
        execs: Array.from({ length: 400 }, (_, i) => ({ path: `/bin/${i}` })),
        capabilities: Array.from(
          { length: mostShipped / 400 },
          (_, i) => `CAP_${'A'.repeat(i + 1)}`,
        ),
      }),
    ],
  ])('with %s is refused by its code', (_, value) => {
    expect(() => priorOf(value)).toThrow(expect.objectContaining({ code: 'PROFILE_INVALID' }))
  })
})
