import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { exportableOf } from '../../../src/supplychain/export/allowed.ts'
import { exportProfile } from '../../fixtures/without-pauses.ts'
import { rootLines, rootNeed, type RootNeed } from '../../../src/supplychain/export/root-need.ts'
import type { ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { capabilityNames } from '../../../src/agent/pipeline/sources/ebpf/abi-names.ts'
import { securityContextSchema } from '../../fixtures/consumer-schemas.ts'
import { acts } from '../../property/event-arbitrary.ts'
import { act, feed, learned, shaper, type Where } from '../../fixtures/event-fixture.ts'
import { cases } from '../../fixtures/random-cases.ts'

const image = { repository: 'shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const root: Where = { uid: 0 }
const allKinds = ['exec', 'file', 'connect', 'listen', 'identity', 'capability', 'syscall']

const need = (profile: Profile, kinds = allKinds, doubts: readonly string[] = []): RootNeed =>
  rootNeed(exportableOf(image, profile, kinds, doubts))
const takes = (profile: Profile): readonly string[] => need(profile).takes.map(({ take }) => take)
const needs = (profile: Profile): readonly string[] => need(profile).needs.map(({ take }) => take)

function approve(profile: Profile): void {
  for (const { id } of profile.entries()) {
    profile.decide(id, { kind: 'approved', by: 'cli:root', at: '2026-11-24T14:00:00.000000Z' })
  }
}

function exported(profile: Profile, observed?: ReadonlySet<string>) {
  const { text, notes } = exportProfile('security-context', image, profile, observed)
  const { containers, volumes } = securityContextSchema.parse(parse(text))
  return { ...containers[0], volumes, notes: notes.join('\n') }
}

const corpus = (scenario: string): Profile => {
  const path = new URL(`../../corpus/${scenario}/profile.json`, import.meta.url)
  return Profile.load(JSON.parse(readFileSync(path, 'utf8')) as ProfileEntry[], shaper)
}

describe('whether an image needs root', () => {
  it('is answered for a web server with all that another user would need, and the evidence for each', () => {
    const profile = corpus('web-server')
    expect(need(profile)).toMatchObject({
      verdict: 'need-not',
      sentence:
        'runs as root and need not: nothing that it did in 3 containers needs root; another user would take 3 things',
      needs: [],
      takes: [
        { take: '/run, made writable for the new user' },
        { take: expect.stringMatching(/^another port than 80, or the sysctl/) as unknown },
        { take: 'to be started as uid 101: it becomes that by itself' },
      ],
    })
    for (const { because } of need(profile).takes) {
      for (const { id, text } of because) {
        expect(profile.startingWith(id)).toHaveLength(1)
        expect(text).toMatch(/^\/usr\/sbin\/nginx as uid 0: /)
      }
    }
    expect(rootLines(need(profile))).toContain(
      '/run, made writable for the new user (/usr/sbin/nginx as uid 0: write /run/nginx.pid)',
    )
  })

  it('is no question for a program that runs as another user from the start', () => {
    const profile = learned(
      act.exec('/app/server', { exe: '(runtime)' }),
      act.listen('0.0.0.0', 80),
    )
    expect(need(profile)).toMatchObject({ verdict: 'not-root', takes: [], needs: [] })
  })

  it.each([
    ['another file of its own', act.file('/srv/data/a.db', ['write'], root), '/srv/data, made'],
    ['a rename', act.file('/srv/a/x', ['rename'], root, { to: '/srv/b/x' }), '/srv/b, made'],
    ['a new folder', act.file('/srv/data', ['create'], root), '/srv, made writable'],
    ['a path that was cut', act.file('…/x/y', ['write'], root, { cut: true }), '…/x, made'],
    ['a secret of root', act.file('/etc/shadow', ['read'], root), '/etc/shadow, made readable'],
    ['a device', act.file('/dev/kvm', ['read'], root), 'the group of /dev/kvm'],
    ['a socket', act.connect('/run/a.sock', 0, root, 'unix'), 'the socket /run/a.sock'],
    ['a port below 1024', act.listen('0.0.0.0', 443, root), 'another port than 443'],
    ['files of others', act.capability('CAP_CHOWN', root), 'files owned by the new user'],
    ['one other user', act.identity(0, 33, root), 'to be started as uid 33'],
    ['a time that it sets', act.syscall('utimensat', root, '/srv/t/x'), '/srv/t, made writable'],
    ['an unknown call', act.syscall('frobnicate', root), 'a trial: what frobnicate asks'],
  ])('takes something for %s', (_, event, take) => {
    const profile = learned(event)
    approve(profile)
    expect(needs(profile)).toEqual([])
    expect(takes(profile)).toContainEqual(expect.stringContaining(take))
  })

  it.each([
    ['reading what all may read', act.file('/etc/passwd', ['read'], root)],
    ['temporary files', act.file('/tmp/a/b', ['write'], root)],
    ['devices of everybody', act.file('/dev/null', ['write'], root)],
    ['its own standard streams', act.file('/dev/pts/0', ['write'], root)],
    ['its own entries of /proc', act.file('/proc/self/comm', ['write'], root)],
    ['a socket without a file', act.connect('@bus', 0, root, 'unix')],
    ['a port from 1024 on', act.listen('0.0.0.0', 1024, root)],
    ['a peer', act.connect('10.0.0.7', 22, root)],
    ['a file in memory', act.syscall('memfd_create', root)],
    ['giving capabilities up', act.capability('CAP_SETPCAP', root)],
    ['tracing its own', act.syscall('ptrace', root, '/app/server')],
  ])('takes nothing for %s', (_, event) => {
    const profile = learned(event)
    approve(profile)
    expect(need(profile)).toMatchObject({ verdict: 'need-not', takes: [], needs: [] })
  })

  it.each([
    ['mounts', act.syscall('mount', root, '/mnt'), 'to mount'],
    ['loads modules', act.syscall('finit_module', root), 'to load modules into the kernel'],
    [
      'sets what the kernel does',
      act.file('/proc/sys/kernel/core_pattern', ['write'], root),
      'to set',
    ],
    ['uses raw sockets', act.capability('CAP_NET_RAW', root), 'to use raw or packet sockets'],
    ['uses what nobody knows', act.capability('CAP_99', root), 'to use CAP_99'],
  ])(
    'is needed by what %s, once that is approved, and is not ruled out before',
    (_, event, what) => {
      const profile = learned(act.exec('/app/server', root))
      feed(profile, [event], 'later')
      expect(need(profile)).toMatchObject({ verdict: 'unknown' })
      expect(need(profile).sentence).toContain(what)
      approve(profile)
      expect(need(profile)).toMatchObject({ verdict: 'needs' })
      expect(needs(profile)).toContainEqual(expect.stringContaining(what))
    },
  )

  it('is needed by a program that becomes several users, and by one that becomes root', () => {
    const several = learned(act.identity(0, 33, root), act.identity(0, 34, root))
    expect(needs(several)).toEqual(['to become several users: uid 33, 34'])
    const start = act.exec('/app/server', { exe: '(runtime)', declaredUser: true })
    const back = learned(start, act.identity(101, 0, { declaredUser: true }))
    approve(back)
    expect(needs(back)).toEqual(['to become root, which it was not started as'])
  })

  it('is needed by a trace where its capability was used or not observed', () => {
    const profile = learned(act.syscall('ptrace', root, '/app/server'))
    approve(profile)
    const blind = allKinds.filter((kind) => kind !== 'capability')
    expect(need(profile, blind)).toMatchObject({ verdict: 'needs' })
  })

  it('names in its sentence what the evidence lacks, and does not rule out kinds that no source observed', () => {
    const profile = corpus('web-server')
    const doubts = ['the version is still learning', '3 container runs']
    expect(need(profile, allKinds, doubts).sentence).toMatch(
      /; the version is still learning; 3 container runs$/,
    )
    const blind = need(profile, ['exec', 'file'])
    expect(blind).toMatchObject({ verdict: 'unknown' })
    expect(blind.sentence).toContain('nobody watched for identity, capability, syscall')
    expect(need(learned())).toMatchObject({ verdict: 'unknown' })
  })

  it('reports how many behaviours of root wait for review', () => {
    const profile = learned(act.file('/a', ['read'], root))
    feed(profile, [act.file('/srv/b', ['write'], root)], 'later')
    expect(need(profile)).toMatchObject({ verdict: 'need-not', takes: [] })
    expect(need(profile).sentence).toMatch(/; 1 act of root's waits for review$/)
  })

  it('is known for every capability that the sensor reports', () => {
    for (const name of capabilityNames) {
      const reported = need(learned(act.capability(name, root)))
      expect(reported.sentence, name).not.toContain('nothing is known here')
    }
  })

  it('stays needed, whatever else is observed', () => {
    fc.assert(
      fc.property(fc.array(acts, { maxLength: 15 }), fc.array(acts, { maxLength: 15 }), (a, b) => {
        const others = b.filter(({ kind }) => kind !== 'identity')
        fc.pre(need(learned(...a)).verdict === 'needs')
        expect(need(learned(...a, ...others)).verdict).toBe('needs')
      }),
      { numRuns: cases(30), maxSkipsPerRun: 1_000 },
    )
  })
})

describe('the security context', () => {
  it('holds a server that runs as root to the capabilities and folders that it used', () => {
    const { securityContext, volumeMounts, volumes, notes } = exported(corpus('web-server'))
    expect(securityContext).toEqual({
      readOnlyRootFilesystem: true,
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'SETUID'] },
      seccompProfile: {
        type: 'Localhost',
        localhostProfile: 'snug/snug-web-abababababab.json',
      },
    })
    expect(volumeMounts).toEqual([
      { name: 'run', mountPath: '/run' },
      { name: 'var-cache-nginx-client-temp', mountPath: '/var/cache/nginx/client_temp' },
      { name: 'var-log-nginx', mountPath: '/var/log/nginx' },
    ])
    expect(volumes?.map(({ name }) => name)).toEqual(volumeMounts?.map(({ name }) => name))
    expect(notes).toContain('runs as root and need not')
    expect(notes).toContain('took no capability where it was seen')
  })

  it('names the user where it is one number, and leaves it to the image where it was declared', () => {
    const one = exported(learned(act.file('/a', ['read'])))
    expect(one.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 101 })
    const declared = exported(learned(act.file('/a', ['read'], { declaredUser: true })))
    expect(declared.securityContext.runAsNonRoot).toBe(true)
    expect(declared.securityContext.runAsUser).toBeUndefined()
    const two = exported(learned(act.file('/a', ['read']), act.file('/a', ['read'], { uid: 7 })))
    expect(two.securityContext.runAsUser).toBeUndefined()
  })

  it('lets privileges rise where a user became root, or had a capability of a file', () => {
    const sudo = learned(act.identity(101, 0))
    approve(sudo)
    expect(exported(sudo).securityContext.allowPrivilegeEscalation).toBe(true)
    const ping = learned(act.capability('CAP_NET_BIND_SERVICE'))
    expect(exported(ping).securityContext.allowPrivilegeEscalation).toBe(true)
    expect(exported(ping).notes).toContain('must be in the files of its programs')
    const dropped = learned(act.identity(0, 101, root), act.capability('CAP_KILL', root))
    expect(exported(dropped).securityContext.allowPrivilegeEscalation).toBe(false)
  })

  it('has no volume for folders that the runtime mounts', () => {
    const paths = ['/dev/shm/a', '/dev/null', '/proc/self/comm', '/srv/data/a']
    const { volumes } = exported(learned(...paths.map((path) => act.file(path, ['write']))))
    expect(volumes?.map(({ name }) => name)).toEqual(['srv-data'])
  })

  it('gives the reason why a root folder cannot be read-only, and the files that a volume would hide', () => {
    const top = exported(learned(act.file('/dump.rdb', ['write'])))
    expect(top.securityContext.readOnlyRootFilesystem).toBeUndefined()
    expect(top.notes).toContain('it writes dump.rdb in `/` itself')
    const hides = exported(
      learned(
        act.file('/app/cache.bin', ['write']),
        act.file('/app/main.py', ['read'], {}, { shipped: true }),
      ),
    )
    expect(hides.notes).toContain('copy them into it first, for /app (/app/main.py)')
  })

  it('leaves out kinds that no source observed', () => {
    const { securityContext, notes } = exported(corpus('web-server'), new Set(['exec']))
    expect(securityContext).toEqual({})
    expect(notes).toContain('nobody watched for file, identity, capability, syscall')
  })

  it('gives each folder a volume with a unique name that Kubernetes accepts, whatever the folder is called', () => {
    const long = `/srv/${'very-long-name/'.repeat(9)}`
    // Folders that hold the same would be one place, and one volume.
    const odd = ['/srv/a.b/u', '/srv/a-b/v', '/srv/A_B/w', `${long}a/x`, `${long}b/y`, '/ü/z']
    const { volumes } = exported(learned(...odd.map((path) => act.file(path, ['write']))))
    expect(new Set(volumes?.map(({ name }) => name)).size).toBe(odd.length)
  })
})
