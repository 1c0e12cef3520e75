import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import {
  containerProfileSchema,
  kubeArmorPolicySchema,
  networkPolicySchema,
  runtimeTraceSchema,
  securityContextSchema,
  tracingPolicySchema,
} from '../../fixtures/consumer-schemas.ts'
import { observables } from '../../../src/core/coverage/observable.ts'
import { loadRules } from '../../../src/support/config/load-rules.ts'
import { exportableOf } from '../../../src/supplychain/export/allowed.ts'
import { segmentsOf } from '../../../src/supplychain/export/container-profile.ts'
import { exportFormats, exportSteps } from '../../../src/supplychain/export/export-profile.ts'
import { exportProfile } from '../../fixtures/without-pauses.ts'
import { parseProfileDocument } from '../../../src/supplychain/export/profile-document.ts'
import { partsOf } from '../../../src/supplychain/export/paths.ts'
import {
  type Actor,
  type BehaviourId,
  behaviourId,
  behaviourKey,
  type BehaviourObject,
} from '../../../src/core/behaviour/behaviour.ts'
import type { EvidenceCell, ProfileEntry } from '../../../src/core/profile/profile-entry.ts'
import { Profile } from '../../../src/core/profile/profile.ts'
import { Shaper } from '../../../src/core/behaviour/shape.ts'

const shaper = new Shaper(loadRules().generalise)
const image = {
  repository: 'registry.local/shop/web',
  digest: `sha256:${'ab'.repeat(32)}`,
}
const rejection = { kind: 'rejected', by: 'ann', at: '2026-11-24T13:40:07Z' } as const
const nginx: Actor = { exe: '/usr/sbin/nginx' }

function learned(
  object: BehaviourObject,
  change: Partial<EvidenceCell> = {},
  actor = nginx,
): ProfileEntry {
  const key = behaviourKey(actor, 101, object)
  const cell: EvidenceCell = {
    container: 'c1',
    origin: 'entrypoint',
    phase: 'learned',
    count: 1,
    first: '2026-11-24T13:40:07.007007Z',
    last: '2026-11-24T13:40:07.007007Z',
    nodes: ['n1'],
    sources: ['ebpf'],
    ...change,
  }
  return {
    schema: 'snug.behaviour/v1',
    id: behaviourId(key),
    actor,
    uid: 101,
    object,
    cells: [cell],
  }
}

const entries: readonly ProfileEntry[] = [
  learned({ kind: 'exec', path: '/usr/sbin/nginx' }, {}, { exe: '(runtime)' }),
  learned({ kind: 'file', access: 'read', path: '/etc/nginx/nginx.conf' }),
  learned({ kind: 'file', access: 'write', path: '/var/log/nginx/access.log' }),
  learned({ kind: 'file', access: 'read', path: '/usr/lib/libssl.so.3' }),
  learned({ kind: 'listen', protocol: 'tcp', address: '0.0.0.0', port: 80 }),
  learned({ kind: 'connect', protocol: 'tcp', peer: '10.0.0.7', port: 5432 }),
  learned({ kind: 'connect', protocol: 'tcp', peer: 'user-db.shop', port: 6379 }),
  learned({ kind: 'connect', protocol: 'tcp', peer: '127.0.0.1', port: 9000 }),
  learned({ kind: 'capability', name: 'CAP_NET_BIND_SERVICE' }),
  learned({ kind: 'identity', from: { uid: 0, gid: 0 }, to: { uid: 101, gid: 101 } }),
  // Not of the service: an exec session, and events after learning.
  learned({ kind: 'exec', path: '/bin/sh' }, { origin: 'exec-in', session: 's1' }),
  learned({ kind: 'exec', path: '/usr/bin/wget' }, { phase: 'later' }),
]

const of = (list: readonly ProfileEntry[]): Profile => Profile.load(list, shaper)
const text = (format: (typeof exportFormats)[number], list = entries): string =>
  exportProfile(format, image, of(list)).text

describe('an export', () => {
  it.each(exportFormats)(
    'as %s is the same text for the same profile, whatever its order',
    (format) => {
      expect(text(format, [...entries].reverse())).toBe(text(format))
    },
  )

  it.each(exportFormats.filter((each) => each !== 'snug'))(
    'as %s omits exec sessions and behaviours that wait for review, and names what it lacks',
    (format) => {
      expect(text(format)).not.toMatch(/\/bin\/sh|wget/)
      expect(exportProfile(format, image, of(entries)).notes.length).toBeGreaterThan(0)
    },
  )

  it('has of a pattern that is not open yet only its witnesses', () => {
    const shape = { kind: 'file', access: 'write', path: '/tmp/<hex>.part' } as const
    const witnesses = { places: [['deadbeef01']], literals: ['/tmp/deadbeef01.part'] }
    const [one] = exportableOf(image, of([learned(shape, { witnesses } as object)])).allowed
    expect(one?.literals).toEqual(['/tmp/deadbeef01.part'])
    expect(text('apparmor', [learned(shape, { witnesses } as object)])).toContain(
      '/tmp/deadbeef01.part{,/} wk,',
    )
  })
})

describe('the profile of AppArmor', () => {
  it('has a rule for each behaviour', () => {
    const profile = text('apparmor')
    for (const rule of [
      '/usr/sbin/nginx mrix,',
      '/etc/nginx/nginx.conf{,/} r,',
      '/usr/lib/libssl.so.3{,/} mr,',
      '/var/log/nginx/access.log{,/} wk,',
      'capability net_bind_service,',
      'capability setuid,',
      'network inet stream,',
    ]) {
      expect(profile).toContain(`  ${rule}\n`)
    }
  })

  it('escapes names, whatever they contain', () => {
    const path = '/srv/a*b?[c]{d}"e f\\\\g\\xff\n@{HOME},'
    const profile = text('apparmor', [learned({ kind: 'file', access: 'read', path })])
    expect(profile).toContain(
      '  "/srv/a\\*b\\?\\[c\\]\\{d\\}\\"e f\\\\g\\377\\012\\@\\{HOME\\}\\,{,/}" r,\n',
    )
  })
})

describe('the profile of seccomp', () => {
  const refused = (list: readonly ProfileEntry[]): string[] => {
    const profile = JSON.parse(text('seccomp', list)) as { syscalls: { names: string[] }[] }
    return profile.syscalls.flatMap(({ names }) => names)
  }

  it('refuses the sensitive calls that were never made, and those only', () => {
    const used = [...entries, learned({ kind: 'syscall', name: 'mount', target: '/mnt' })]
    expect(refused(entries)).toEqual(
      expect.arrayContaining(['mount', 'ptrace', 'bpf', 'io_uring_enter']),
    )
    expect(refused(used)).not.toContain('mount')
    expect(refused(used)).toContain('ptrace')
  })

  it('never refuses calls that the runtime makes afterwards', () => {
    const needed = [
      'execve',
      'capset',
      'setuid',
      'setgid',
      'prctl',
      'chdir',
      'openat',
      'close',
      'write',
    ]
    for (const name of needed) expect(refused(entries)).not.toContain(name)
  })
})

describe('the policies of Kubernetes', () => {
  it('let in at the ports that are listened on, and out to the peers that were met', () => {
    const { spec } = parse(text('networkpolicy')) as { spec: Record<string, unknown> }
    expect(spec['ingress']).toEqual([{ ports: [{ protocol: 'TCP', port: 80 }] }])
    expect(spec['egress']).toEqual([
      { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }], ports: [{ protocol: 'TCP', port: 5432 }] },
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } }],
        ports: [{ protocol: 'TCP', port: 6379 }],
      },
    ])
  })

  it('take no part of a DNS name for a namespace', () => {
    const peer = 'api.payments.example.'
    const list = [learned({ kind: 'connect', protocol: 'tcp', peer, port: 443 })]
    const { spec } = parse(text('networkpolicy', list)) as { spec: Record<string, unknown> }
    expect(spec['egress']).toEqual([{ ports: [{ protocol: 'TCP', port: 443 }] }])
  })

  it('name programs and files for KubeArmor, with who does it', () => {
    const { spec } = parse(text('kubearmor')) as {
      spec: { process: object; file: { matchPaths: object[] }; action: string }
    }
    expect(spec.action).toBe('Allow')
    expect(spec.process).toEqual({ matchPaths: [{ path: '/usr/sbin/nginx' }] })
    expect(spec.file.matchPaths).toContainEqual({
      path: '/etc/nginx/nginx.conf',
      readOnly: true,
      fromSource: [{ path: '/usr/sbin/nginx' }],
    })
  })

  it('have Tetragon report programs that are not in the profile', () => {
    const { spec } = parse(text('tetragon')) as {
      spec: { kprobes: { call: string; selectors: { matchArgs: object[] }[] }[] }
    }
    expect(spec.kprobes.map(({ call }) => call)).toEqual(['security_bprm_check'])
    expect(spec.kprobes[0]?.selectors[0]?.matchArgs).toEqual([
      { index: 0, operator: 'NotEqual', values: ['/usr/sbin/nginx'] },
    ])
    const numbered = entries.filter(
      ({ object }) => object.kind !== 'connect' || object.peer !== 'user-db.shop',
    )
    expect(text('tetragon', numbered)).toContain('NotDAddr')
  })
})

describe('the profile of Kubescape', () => {
  const specOf = (list: readonly ProfileEntry[]) =>
    containerProfileSchema.parse(parse(text('container-profile', list))).spec

  it('has programs, files, capabilities and peers', () => {
    const { execs, opens, capabilities, egress } = specOf(entries)
    expect(execs).toEqual([{ path: '/usr/sbin/nginx', args: ['/usr/sbin/nginx', '⋯⋯'] }])
    expect(opens).toEqual([
      { path: '/etc/nginx/nginx.conf', flags: ['O_RDONLY'] },
      { path: '/usr/lib/libssl.so.3', flags: ['O_RDONLY'] },
      { path: '/var/log/nginx/access.log', flags: ['O_WRONLY'] },
    ])
    expect(capabilities).toEqual(['CAP_NET_BIND_SERVICE'])
    expect(egress).toMatchObject([
      { type: 'external', ipAddresses: ['10.0.0.7'], ports: [{ name: 'TCP-5432', port: 5432 }] },
      {
        type: 'internal',
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } },
      },
    ])
  })

  it('has a script as the argument of its interpreter, and no file that is only removed', () => {
    const { execs, opens, egress } = specOf([
      learned({ kind: 'exec', path: '/bin/busybox', script: '/start.sh' }),
      learned({ kind: 'file', access: 'create', path: '/srv/new' }),
      learned({ kind: 'file', access: 'delete', path: '/srv/old' }),
      learned({ kind: 'connect', protocol: 'tcp', peer: 'api.example.', port: 443 }),
    ])
    expect(execs).toEqual([{ path: '/bin/busybox', args: ['/start.sh', '⋯⋯'] }])
    expect(opens).toEqual([
      { path: '/srv/new', flags: ['O_CREAT', 'O_WRONLY'] },
      { path: '/start.sh', flags: ['O_RDONLY'] },
    ])
    expect(egress).toMatchObject([{ type: 'external', dnsNames: ['api.example.'] }])
  })

  it('has a segment for each that varies', () => {
    expect(segmentsOf(partsOf('/srv/<uuid>/a-<int>.part'))).toBe('/srv/⋯/⋯')
    expect(segmentsOf(partsOf('/srv/<lt>a>'))).toBe('/srv/<a>')
    // A literal `*` would be read as a pattern over folders.
    expect(segmentsOf(partsOf('/srv/a*/⋯b/c'))).toBe('/srv/⋯/⋯/c')
  })

  it('has the members of one that a vendor ships', () => {
    const shipped = readFileSync(new URL('../../schemas/sbob-redis.yaml', import.meta.url), 'utf8')
    expect(containerProfileSchema.safeParse(parse(shipped)).error?.issues ?? []).toEqual([])
  })
})

describe('an export for a consumer with a schema', () => {
  const odd: readonly ProfileEntry[] = [
    ...entries,
    learned({ kind: 'exec', path: 'memfd:payload', drift: true }),
    learned({ kind: 'file', access: 'read', path: '/' }),
    learned({ kind: 'file', access: 'write', path: '/srv/a b/ü#?.txt' }),
    learned({ kind: 'file', access: 'write', path: '/tmp/<uuid>.part' }),
    learned({ kind: 'connect', protocol: 'udp', peer: '2001:db8::1', port: 53 }),
    learned({ kind: 'connect', protocol: 'icmp', peer: '10.0.0.1', port: 0 }),
    learned({ kind: 'connect', protocol: 'unix', peer: '/run/a.sock', port: 0 }),
    learned({ kind: 'capability', name: 'CAP_BPF' }),
  ]

  it.each([
    ['security-context', securityContextSchema],
    ['networkpolicy', networkPolicySchema],
    ['kubearmor', kubeArmorPolicySchema],
    ['tetragon', tracingPolicySchema],
    ['in-toto', runtimeTraceSchema],
    ['container-profile', containerProfileSchema],
  ] as const)('is valid by it, as %s, whatever the profile holds', (format, schema) => {
    const numbered = odd.filter(
      ({ object }) => object.kind !== 'connect' || object.peer !== 'user-db.shop',
    )
    for (const list of [entries, odd, numbered, []]) {
      const result = schema.safeParse(parse(text(format, list)))
      expect(result.error?.issues ?? []).toEqual([])
    }
  })

  it('has in a runtime trace the programs, peers and files, with their sources and times', () => {
    const { subject, predicate } = runtimeTraceSchema.parse(JSON.parse(text('in-toto')))
    expect(subject).toEqual([{ name: image.repository, digest: { sha256: 'ab'.repeat(32) } }])
    expect(predicate.monitor.tracePolicy).toMatchObject({ sources: ['ebpf'], containers: 1 })
    expect(predicate.monitoredProcess).toMatchObject({ hostID: 'urn:snug:nodes:n1' })
    expect(predicate.metadata?.buildStartedOn).toBe('2026-11-24T13:40:07.007007Z')
    const { process, network, fileAccess } = predicate.monitorLog
    expect(process).toEqual([{ eventType: 'process', processBinary: '/usr/sbin/nginx' }])
    expect(network).toContainEqual({
      direction: 'outbound',
      hostname: 'user-db.shop',
      port: 6379,
      protocol: 'tcp',
      invokingProcess: { processBinary: '/usr/sbin/nginx' },
    })
    expect(fileAccess).toContainEqual({
      name: '/etc/nginx/nginx.conf',
      uri: 'file:///etc/nginx/nginx.conf',
      annotations: { access: ['read'], actors: ['/usr/sbin/nginx'] },
    })
  })
})

describe('the rules of Falco', () => {
  it('refer to lists and macros that are there', () => {
    const [document] = parseAllDocuments(text('falco'))
    const rules = document?.toJS() as Record<string, string>[]
    const named = new Set(
      rules.flatMap(({ list, macro }) => [list, macro].filter((each) => each !== undefined)),
    )
    const own = /snug_web_abababababab_[a-z]+/g
    const used = rules.flatMap(({ condition = '' }) =>
      [...condition.matchAll(own)].map(([name]) => name),
    )
    expect(used.length).toBeGreaterThan(5)
    for (const name of used) expect(named).toContain(name)
  })
})

describe('a profile as a file', () => {
  const odd = learned({ kind: 'file', access: 'read', path: '/a"b\n  "behaviours": []' })

  it.each([
    ['of several behaviours', entries],
    ['of a behaviour whose path looks like the file', [odd]],
    ['of none', []],
  ])('%s is one JSON value with the behaviours by id', (_, list) => {
    const behaviours = of(list).entries()
    const whole = { schema: 'snug.profile/v1', image, behaviours, observed: observables }
    expect(text('snug', list)).toBe(`${JSON.stringify(whole, null, 2)}\n`)
  })

  it('is that of its first moment, whatever is decided while it is written', () => {
    const profile = of(entries)
    const before = text('snug')
    const steps = exportSteps('snug', image, profile)
    let written: string | undefined
    for (let i = 0; written === undefined; i++) {
      const { done, value } = steps.next()
      const { id } = entries[i % entries.length] ?? odd
      if (i === 3) profile.merge([odd])
      if (i < entries.length) profile.decide(id as BehaviourId, rejection)
      if (done === true) written = value.text
    }
    expect(written).toBe(before)
    expect(exportProfile('snug', image, profile).text).not.toBe(before)
  })

  it('reads back as it was', () => {
    const document = parseProfileDocument(JSON.parse(text('snug')))
    expect(document.image).toEqual(image)
    expect(of(document.behaviours).entries()).toEqual(of(entries).entries())
  })

  it('gives back every profile of the corpus', () => {
    for (const scenario of [
      'web-server',
      'variable-names',
      'new-version',
      'exec-in-while-learning',
    ]) {
      const path = fileURLToPath(new URL(`../../corpus/${scenario}/profile.json`, import.meta.url))
      const profile = of(JSON.parse(readFileSync(path, 'utf8')) as ProfileEntry[])
      const document = parseProfileDocument(JSON.parse(exportProfile('snug', image, profile).text))
      expect(of(document.behaviours).entries()).toEqual(profile.entries())
      for (const format of exportFormats)
        expect(exportProfile(format, image, profile).text).not.toBe('')
    }
  })

  it.each([
    ['no object', 7],
    ['another schema', { schema: 'snug.profile/v9' }],
    [
      'a behaviour with the id of another',
      { ...JSON.parse(text('snug')), behaviours: [{ ...entries[0], id: entries[1]?.id }] },
    ],
    [
      'a kind that nobody knows',
      { ...JSON.parse(text('snug')), behaviours: [{ ...entries[0], object: { kind: 'fly' } }] },
    ],
  ])('is refused where it is %s', (_, value) => {
    expect(() => parseProfileDocument(value)).toThrow(
      expect.objectContaining({ code: 'PROFILE_INVALID' }),
    )
  })

  it('distinguishes the variable parts of a path, even of a given length, from a `<` in its name', () => {
    expect(partsOf('/a<lt>b/<uuid>.part')).toEqual([
      { text: '/a<b/' },
      { any: 'segment' },
      { text: '.part' },
    ])
    expect(partsOf('/tmp/sort.<temp:6>')).toEqual([{ text: '/tmp/sort.' }, { any: 'segment' }])
  })
})
