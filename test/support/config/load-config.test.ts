import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { configKeys } from '../../../src/support/config/config-keys.ts'
import { formatDuration, parseDuration } from '../../../src/support/config/duration.ts'
import { explainConfig } from '../../../src/support/config/explain-config.ts'
import { type ConfigInput, loadConfig } from '../../../src/support/config/load-config.ts'
import { SnugError } from '../../../src/errors.ts'

const dir = mkdtempSync(join(tmpdir(), 'snug-config-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function yaml(text: string): string {
  const file = join(dir, 'snug.yaml')
  writeFileSync(file, text)
  return file
}

function refusal(input: ConfigInput): SnugError {
  try {
    loadConfig(input)
  } catch (error) {
    if (error instanceof SnugError) return error
    throw error
  }
  throw new Error('it was accepted')
}

function without(values: Readonly<Record<string, string>>, name: string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([each]) => each !== name))
}

describe('a configuration', () => {
  it('has every default of the contract when nothing is set', () => {
    expect(loadConfig().config).toMatchObject({
      listen: { kind: 'tcp', host: '127.0.0.1', port: 7684 },
      data: '/var/lib/snug',
      socket: '/run/snug/snug.sock',
      sources: ['ebpf'],
      learn: { floor: 3_600_000, ceiling: 604_800_000, unseen: 0.01 },
      after: 'alert',
      block: { canary: 0.1, canaryFor: 600_000, budget: 100, from: 'medium', failClosed: false },
      sinks: [],
      outbox: { size: 67_108_864, age: 604_800_000 },
    })
  })

  it('reads the settings of blocking from file, variable and flag, a switch as true or false', () => {
    const file = yaml(
      'after: block\nblock: { canary: 1, budget: 7, from: low, failClosed: true, vitalUnits: [ssh*] }\n',
    )
    const loaded = loadConfig({
      file,
      env: { SNUG_BLOCK_FAIL_CLOSED: 'false', SNUG_BLOCK_CANARY: '0.5' },
      flags: { 'block.canaryFor': '30m' },
    })
    expect(loaded.config.after).toBe('block')
    expect(loaded.config.block).toEqual({
      canary: 0.5,
      canaryFor: 1_800_000,
      budget: 7,
      from: 'low',
      failClosed: false,
      vitalUnits: ['ssh*'],
    })
    expect(loaded.warnings).toEqual([])
    expect(refusal({ env: { SNUG_BLOCK_FAIL_CLOSED: 'maybe' } }).code).toBe('CONFIG_INVALID')
  })

  it('takes globs of units as the sensor can match them, and refuses others', () => {
    const { config } = loadConfig({ file: yaml("units: [nginx.service, 'postgresql@*']\n") })
    expect(config.units).toEqual(['nginx.service', 'postgresql@*'])
    expect(loadConfig().config.units).toEqual([])
    const { code, message } = refusal({ file: yaml("units: ['[ab].service']\n") })
    expect([code, message]).toEqual([
      'CONFIG_INVALID',
      expect.stringContaining('`[ab].service` is no glob of a unit'),
    ])
  })

  it('takes a flag over a variable over the file over the default', () => {
    const file = yaml('learn: { floor: 1m, ceiling: 2h }\nafter: review\nlog: { level: warn }\n')
    const loaded = loadConfig({
      file,
      env: { SNUG_LEARN_FLOOR: '2m', SNUG_AFTER: 'alert' },
      flags: { 'learn.floor': '3m' },
    })
    expect(loaded.config.learn).toMatchObject({
      floor: 180_000,
      ceiling: 7_200_000,
      unseen: 0.01,
    })
    expect(loaded.config).toMatchObject({ after: 'alert', log: { level: 'warn' } })
    const from = Object.fromEntries(explainConfig(loaded).map((row) => [row.key, row.from]))
    expect(from).toMatchObject({
      'learn.floor': 'flag --learn-floor',
      after: 'variable SNUG_AFTER',
      'learn.ceiling': `${file} line 1`,
      'log.level': `${file} line 3`,
      data: 'default',
    })
  })

  it('can be set by a flag and by a variable, whichever the key', () => {
    const sample = (key: (typeof configKeys)[number]): string => {
      if (key.path === 'node') return 'n9'
      if (key.path === 'engines.static.manifest') return '/m.yaml'
      if (key.path === 'tls.clients') return '[{ name: a, role: viewer }]'
      if (key.path === 'tls.trustDomains') return '[{ name: a.b, bundle: /b }]'
      if (key.path === 'oidc.roles') return '[{ value: a, role: viewer }]'
      if (key.path === 'trust.keyless.signers') return '[{ identity: a, issuer: b }]'
      if (key.path === 'oidc.algorithms') return 'ES256,EdDSA'
      if (key.path === 'profiles.scope') return 'workload'
      if (key.path === 'learn.representative') return '[{ images: [a], file: /b }]'
      if (key.path === 'respond.rules') return '[{ name: a, when: { severity: high } }]'
      if (key.path === 'fleet.servers') return 'a:1,b:2'
      if (key.path === 'traces.url') return 'http://127.0.0.1:4318'
      if (key.shape === 'objects') return '[{ name: a, type: stdout }]'
      if (Array.isArray(key.default)) return 'a,b'
      return typeof key.default === 'string' ? key.default : JSON.stringify(key.default ?? 1)
    }
    // Settings that are only valid together with others.
    const rest: Readonly<Record<string, string>> = {
      'tls.cert': '/c',
      'tls.key': '/k',
      'oidc.issuer': 'https://issuer.example',
      'oidc.audience': 'snug',
      'oidc.jwks': '/keys.json',
      'fleet.tls.cert': '/c',
      'fleet.tls.key': '/k',
      'trust.keyless.root': '/root.json',
      'trust.keyless.signers': '[{ identity: a, issuer: b }]',
    }
    for (const key of configKeys) {
      const byEnv = loadConfig({ flags: without(rest, key.path), env: { [key.env]: sample(key) } })
      expect(byEnv.origins[key.path]?.origin, key.path).toEqual({ kind: 'env', name: key.env })
      const byFlag = loadConfig({ flags: { ...rest, [key.path]: sample(key) } })
      expect(byFlag.origins[key.path]?.origin).toEqual({ kind: 'flag', name: key.flag })
    }
  })

  it('shares in one place, and names where', () => {
    const nats = { 'fleet.type': 'nats', 'fleet.servers': 'a:1' }
    expect(loadConfig({ flags: nats }).config.fleet.servers).toEqual([{ host: 'a', port: 1 }])
    const bad: readonly [Readonly<Record<string, string>>, RegExp][] = [
      [{ ...nats, 'engines.kubernetes.share': 'true' }, /`fleet.type`.*in one place/],
      [{ 'fleet.type': 'nats' }, /`fleet.servers`.*at least one/],
      [{ ...nats, 'fleet.user': 'a' }, /`user` and `password` together/],
      [{ ...nats, 'fleet.bucket': 'a.b' }, /`fleet.bucket`/],
    ]
    for (const [flags, message] of bad) {
      expect(() => loadConfig({ flags })).toThrow(message)
      expect(() => loadConfig({ flags })).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID' }),
      )
    }
  })

  it('has a profile for each namespace by default where it has access to Kubernetes', () => {
    const scopeOf = (flags: Readonly<Record<string, string>>) => {
      const { config, origins } = loadConfig({ flags })
      return [config.profiles.scope, origins['profiles.scope']?.written]
    }
    expect(scopeOf({})).toEqual(['cluster', 'cluster'])
    const access = { 'engines.kubernetes.access': 'pod' }
    expect(scopeOf(access)).toEqual(['namespace', 'namespace'])
    expect(scopeOf({ ...access, 'profiles.scope': 'cluster' })).toEqual(['cluster', 'cluster'])
  })

  it('reads the audit log of an API server only with access to it', () => {
    const auditLog = '/var/log/kubernetes/audit.log'
    const file = yaml(`engines: { kubernetes: { access: pod, auditLog: ${auditLog} } }\n`)
    expect(loadConfig({ file }).config.engines.kubernetes).toMatchObject({ auditLog })
    expect(loadConfig().config.engines.kubernetes.auditLog).toBe('none')
    const alone = yaml(`engines: { kubernetes: { auditLog: ${auditLog} } }\n`)
    expect(refusal({ file: alone }).message).toContain('`auditLog` needs `access`')
  })

  it('takes sources from repeated flags and from a list in a variable', () => {
    expect(loadConfig({ flags: { sources: ['ebpf', 'file:/a,b'] } }).config.sources).toEqual([
      'ebpf',
      'file:/a,b',
    ])
    expect(loadConfig({ env: { SNUG_SOURCES: 'ebpf, file:-' } }).config.sources).toEqual([
      'ebpf',
      'file:-',
    ])
  })

  it('is frozen through and through', () => {
    const { config } = loadConfig({ flags: { sinks: ['{ name: a, type: stdout }'] } })
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.learn)).toBe(true)
    expect(Object.isFrozen(config.sinks[0])).toBe(true)
  })

  it.each([
    ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['none', { kind: 'none' }],
  ])('listens at %s', (listen, address) => {
    expect(loadConfig({ flags: { listen } }).config.listen).toEqual(address)
  })
})

describe('a configuration is refused', () => {
  it('with the line and the nearest key where a key is mistyped', () => {
    const file = yaml('listen: none\nlearn:\n  flor: 1h\n')
    const error = refusal({ file })
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain('unknown key `learn.flor`: did you mean `learn.floor`?')
    expect(error.message).toContain(`line 3 of \`${file}\``)
  })

  it('with the flag or variable that was wrong', () => {
    expect(refusal({ flags: { after: 'blok' } }).message).toContain('from --after')
    expect(refusal({ env: { SNUG_HOLD_EVENTS: 'many' } }).message).toContain('SNUG_HOLD_EVENTS')
  })

  it.each([
    ['listen: 7684'],
    ['listen: "1.2.3.4:99999"'],
    ['learn: { floor: 10 }'],
    ['learn: { floor: 2h, ceiling: 1h }'],
    ['learn: { unseen: 0 }'],
    ['learn: [1h]'],
    ['block: { canary: 0 }'],
    ['block: { canary: 1.1 }'],
    ['block: { budget: 0 }'],
    ['block: { canaryFor: 10 }'],
    ['block: { failClosed: perhaps }'],
    ['sources: []'],
    ['after: never'],
    ['rings: { size: 3MiB }'],
    ['rings: { size: 1KiB }'],
    ['sinks: [{ name: a, type: stdout }, { name: a, type: stdout }]'],
    ['sinks: [{ name: a, type: file }]'],
    ['just text'],
    ['- a list'],
    ['data: /a\ndata: /b'],
    ['data: "unclosed'],
  ])('with the text %s', (text) => {
    const error = refusal({ file: yaml(`${text}\n`) })
    expect(error.code).toBe('CONFIG_INVALID')
  })

  it.each([
    ['kafka', 'brokers: ["b:9092"], topic: "no spaces"', 'sinks.0.topic'],
    ['kafka', 'brokers: ["b"], topic: t', 'sinks.0.brokers.0'],
    ['nats', 'servers: ["s:4222"], subject: "snug.>"', 'sinks.0.subject'],
    ['nats', 'servers: ["s:4222"], subject: snug, user: u', 'sinks.0'],
    ['nats', 'servers: ["s:4222"], subject: snug, password: hunter2', 'sinks.0.password'],
  ])('where a sink of type %s has `%s`', (type, members, key) => {
    const error = refusal({ file: yaml(`sinks:\n  - { name: a, type: ${type}, ${members} }\n`) })
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain(`\`${key}\` must`)
    expect(error.message).not.toContain('hunter2')
  })

  it('where a named file is not there, and not where the default one is not', () => {
    expect(refusal({ file: join(dir, 'absent.yaml') }).code).toBe('CONFIG_UNREADABLE')
    expect(refusal({ env: { SNUG_CONFIG: join(dir, 'absent.yaml') } }).code).toBe(
      'CONFIG_UNREADABLE',
    )
    expect(refusal({ file: dir }).code).toBe('CONFIG_UNREADABLE')
  })

  it('quickly where aliases would blow it up', () => {
    const levels = Array.from({ length: 12 }, (_, at) => {
      const before = `*a${at}`
      return `a${at + 1}: &a${at + 1} [${Array(9).fill(before).join(', ')}]`
    })
    const error = refusal({ file: yaml(`a0: &a0 [x]\n${levels.join('\n')}\n`) })
    expect(error.code).toBe('CONFIG_INVALID')
    expect(error.message).toContain('alias')
  })

  it('without repeating a value, which may be a secret', () => {
    const file = yaml(
      'sinks:\n  - { name: a, type: file, path: /x, token: hunter2 }\nafter: hunter3\n',
    )
    expect(refusal({ file }).message).not.toMatch(/hunter/)
  })
})

describe('a variable that sets nothing', () => {
  it('is pointed out where it looks like a typo, and else left alone', () => {
    const { warnings } = loadConfig({
      env: { SNUG_AFTR: 'alert', SNUG_SERVICE_HOST: '10.0.0.1', HOME: '/root' },
    })
    expect(warnings).toEqual(['`SNUG_AFTR` sets nothing: did you mean `SNUG_AFTER`?'])
  })
})

describe('an explained configuration', () => {
  it('hides user information in addresses', () => {
    const loaded = loadConfig({ flags: { 'engines.docker.socket': 'tcp://user:pass@host:1' } })
    const row = explainConfig(loaded).find(({ key }) => key === 'engines.docker.socket')
    expect(row?.value).toBe('tcp://***@host:1')
  })
})

describe('a duration', () => {
  it.each([
    ['20s', 20_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
    ['250ms', 250],
  ])('%s is %i ms', (text, ms) => {
    expect(parseDuration(text)).toBe(ms)
  })

  it('is written in the largest unit that is exact', () => {
    expect([90_000, 86_400_000, 1_500, 0].map(formatDuration)).toEqual([
      '90s',
      '1d',
      '1500ms',
      '0ms',
    ])
  })

  it.each(['', '1', 's', '1.5h', '-1s', '1h30m', ' 1s'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })
})
