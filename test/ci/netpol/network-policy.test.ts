import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { exportableOf } from '../../../src/supplychain/export/allowed.ts'
import { exportProfile } from '../../fixtures/without-pauses.ts'
import { profileDocument } from '../../../src/supplychain/export/profile-document.ts'
import { type NetworkDifference, networkDifference } from '../../../src/ci/netpol/difference.ts'
import type { Subject } from '../../../src/ci/netpol/network-policy.ts'
import { parseInPlace } from '../../../src/ci/netpol/parse-policies.ts'
import type { Profile } from '../../../src/core/profile/profile.ts'
import type { ActEvent } from '../../../src/core/event/event.ts'
import { act, feed, learned } from '../../fixtures/event-fixture.ts'
import { cli } from '../../fixtures/cli-fixtures.ts'

const image = { repository: 'shop/web', digest: `sha256:${'ab'.repeat(32)}` }
const web: Subject = { namespace: 'shop', labels: { app: 'web', tier: 'front' } }

const policy = (spec: object, name = 'p', namespace = 'shop'): object => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace },
  spec: { podSelector: {}, ...spec },
})
const egress = (...rules: readonly object[]): object =>
  policy({ policyTypes: ['Egress'], egress: rules })
const service = (name: string, spec: object): object => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec,
})
const namespace = (name: string, labels: object): object => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

/** The peer by the name that the cluster gave it. */
const meet = (name: string, port: number): ActEvent => {
  const event = act.connect('10.0.0.7', port)
  return event.kind === 'connect' ? { ...event, connect: { ...event.connect, name } } : event
}

function difference(
  profile: Profile,
  objects: readonly object[],
  subject = web,
  kinds?: readonly string[],
): NetworkDifference {
  const text = objects.map((each) => stringify(each)).join('---\n')
  return networkDifference(exportableOf(image, profile, kinds), parseInPlace(text), subject)
}

const verdict = (event: ActEvent, objects: readonly object[], subject = web) =>
  difference(learned(event), objects, subject).connections[0]

describe('the policies that isolate a pod', () => {
  const selecting = (selector: object | undefined, labels: Subject['labels'] = web.labels) => {
    const found = difference(learned(), [policy({ podSelector: selector })], { ...web, labels })
    return found.selectedBy.ingress.length === 1
  }

  it.each([
    [{}, true],
    [{ matchLabels: { app: 'web' } }, true],
    [{ matchLabels: { app: 'web', tier: 'back' } }, false],
    [{ matchLabels: { toString: 'web' } }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['db', 'web'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'In', values: ['db'] }] }, false],
    [{ matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    [{ matchExpressions: [{ key: 'absent', operator: 'NotIn', values: ['web'] }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'Exists' }] }, true],
    [{ matchExpressions: [{ key: 'absent', operator: 'Exists' }] }, false],
    [{ matchExpressions: [{ key: 'absent', operator: 'DoesNotExist' }] }, true],
    [{ matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    [
      {
        matchLabels: { app: 'web' },
        matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }],
      },
      false,
    ],
  ])('by %j: %s', (selector, expected) => {
    expect(selecting(selector)).toBe(expected)
  })

  it('are those of its namespace', () => {
    expect(difference(learned(), [policy({}, 'p', 'other')]).selectedBy.ingress).toEqual([])
  })

  it.each([
    [{}, ['ingress']],
    [{ ingress: [{}] }, ['ingress']],
    [{ egress: [] }, ['ingress']],
    [{ egress: [{}] }, ['ingress', 'egress']],
    [{ policyTypes: ['Egress'], ingress: [{}] }, ['egress']],
    [{ policyTypes: ['Egress'] }, ['egress']],
    [{ policyTypes: ['Ingress'], egress: [{}] }, ['ingress']],
  ])('with the spec %j for %j', (spec, directions) => {
    const { selectedBy } = difference(learned(), [policy(spec)])
    const found = Object.entries(selectedBy).flatMap(([name, list]) =>
      list.length === 0 ? [] : [name],
    )
    expect(found).toEqual(directions)
  })
})

describe('a connection that was observed', () => {
  const out = act.connect('10.0.0.7', 5432)

  it.each<[string, ActEvent, object, string]>([
    ['a rule for all', out, {}, 'allowed'],
    ['its port', out, { ports: [{ port: 5432 }] }, 'allowed'],
    ['another port', out, { ports: [{ port: 5433 }] }, 'refused'],
    ['another protocol', out, { ports: [{ protocol: 'UDP', port: 5432 }] }, 'refused'],
    ['all ports of its protocol', out, { ports: [{ protocol: 'TCP' }] }, 'allowed'],
    ['a range with its port', out, { ports: [{ port: 5000, endPort: 5432 }] }, 'allowed'],
    ['a range that ends before', out, { ports: [{ port: 5000, endPort: 5431 }] }, 'refused'],
    ['one of several ports', out, { ports: [{ port: 1 }, { port: 5432 }] }, 'allowed'],
    ['a named port', out, { ports: [{ port: 'db' }] }, 'unknown'],
    ['its block', out, { to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] }, 'allowed'],
    ['another block', out, { to: [{ ipBlock: { cidr: '10.1.0.0/16' } }] }, 'refused'],
    ['an IPv6 block', out, { to: [{ ipBlock: { cidr: '::/0' } }] }, 'refused'],
    [
      'a block that it is excepted from',
      out,
      { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.0.0.0/24'] } }] },
      'refused',
    ],
    [
      'a block with another exception',
      out,
      { to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.9.0.0/24'] } }] },
      'allowed',
    ],
    ['pods, of which it may be one', out, { to: [{ podSelector: {} }] }, 'unknown'],
    ['pods at another port', out, { to: [{ podSelector: {} }], ports: [{ port: 80 }] }, 'refused'],
    ['all pods of its namespace', meet('db.shop', 5432), { to: [{ podSelector: {} }] }, 'allowed'],
    ['all pods of another one', meet('db.data', 5432), { to: [{ podSelector: {} }] }, 'refused'],
    ['all namespaces', meet('db.data', 5432), { to: [{ namespaceSelector: {} }] }, 'allowed'],
    [
      'a namespace by its name',
      meet('db.data', 5432),
      { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } } }] },
      'allowed',
    ],
    [
      'another namespace by its name',
      meet('db.data', 5432),
      { to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'shop' } } }] },
      'refused',
    ],
    [
      'a namespace by a label that was not told',
      meet('db.data', 5432),
      { to: [{ namespaceSelector: { matchLabels: { team: 'data' } } }] },
      'unknown',
    ],
    [
      'pods by their labels',
      meet('db.shop', 5432),
      { to: [{ podSelector: { matchLabels: { app: 'db' } } }] },
      'unknown',
    ],
    [
      'another namespace and pods: both must hold',
      meet('db.shop', 5432),
      {
        to: [
          {
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } },
            podSelector: { matchLabels: { app: 'db' } },
          },
        ],
      },
      'refused',
    ],
    [
      'another namespace, or pods: one must hold',
      meet('db.shop', 5432),
      {
        to: [
          { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'data' } } },
          { podSelector: {} },
        ],
      },
      'allowed',
    ],
    [
      'a block, of a name',
      meet('db.shop', 5432),
      { to: [{ ipBlock: { cidr: '10.0.0.0/8' } }] },
      'unknown',
    ],
    [
      'pods, of a name that says no namespace',
      meet('db', 1),
      { to: [{ podSelector: {} }] },
      'unknown',
    ],
  ])('is, by %s, judged as the API documents it', (_, event, rule, expected) => {
    expect(verdict(event, [egress(rule)])?.verdict).toBe(expected)
  })

  it('is open without a policy, and refused by one without a rule', () => {
    expect(verdict(out, [])).toMatchObject({ verdict: 'open' })
    const closed = difference(learned(out), [policy({ policyTypes: ['Egress'] }, 'deny')])
    expect(closed.connections).toMatchObject([
      { verdict: 'refused', because: 'shop/deny selects them, and has no rule for egress' },
    ])
    expect(difference(learned(out), []).notes).toContain(
      'no policy selects the pods for egress: it refuses nothing',
    )
  })

  it('is allowed by any of several policies, and refused with the reason of each', () => {
    const deny = policy({ policyTypes: ['Egress'] }, 'deny')
    const right = policy({ egress: [{ ports: [{ port: 5432 }] }] }, 'db')
    const wrong = policy({ egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }] }, 'dns')
    expect(verdict(out, [deny, right])).toMatchObject({
      verdict: 'allowed',
      because: 'shop/db allows it: egress[0]',
    })
    expect(verdict(out, [deny, wrong])?.because).toBe(
      'shop/deny selects them, and has no rule for egress; shop/dns selects them, egress[0] is for UDP 53',
    )
  })

  it('names the missing facts where the known ones are not enough', () => {
    const db = egress({ to: [{ podSelector: { matchLabels: { app: 'db' } } }] })
    expect(verdict(meet('db.shop', 5432), [db])?.because).toBe(
      'cannot be known from here: the label `app` of the pods of db.shop:5432 (shop/p, egress[0])',
    )
  })

  it('is decided by the Services and Namespaces of its peer', () => {
    const db = { to: [{ podSelector: { matchLabels: { app: 'db' } } }], ports: [{ port: 6000 }] }
    const of = (spec: object) => [egress(db), service('db', spec)]
    const ports = [{ port: 5432, targetPort: 6000 }]
    const met = meet('db.shop', 5432)
    expect(verdict(met, of({ selector: { app: 'db' }, ports }))?.verdict).toBe('allowed')
    expect(verdict(met, of({ selector: { app: 'web' }, ports }))?.verdict).toBe('refused')
    expect(verdict(met, of({ selector: { tier: 'db' }, ports }))?.verdict).toBe('unknown')
    // A Service without a selector may have endpoints that are no pods.
    expect(verdict(met, of({ ports }))?.verdict).toBe('unknown')
    // Its pods have another port than it.
    const same = [{ port: 5432 }]
    expect(verdict(met, of({ selector: { app: 'db' }, ports: same }))?.verdict).toBe('refused')
    const named = [{ port: 5432, targetPort: 'pg' }]
    expect(verdict(met, of({ selector: { app: 'db' }, ports: named }))?.verdict).toBe('unknown')
    const byName = egress({ ports: [{ port: 'pg' }] })
    const known = service('db', { selector: { app: 'db' }, ports: named })
    expect(verdict(met, [byName, known])?.verdict).toBe('allowed')
    const team = egress({ to: [{ namespaceSelector: { matchLabels: { team: 'a' } } }] })
    expect(verdict(met, [team, namespace('shop', { team: 'a' })])?.verdict).toBe('allowed')
    expect(verdict(met, [team, namespace('shop', {})])?.verdict).toBe('refused')
  })
})

describe('a port that is listened on', () => {
  const listens = act.listen('0.0.0.0', 8080)
  const ingress = (...rules: readonly object[]) => [policy({ ingress: rules })]

  it.each([
    ['nothing', [], 'refused'],
    ['everything', [{}], 'allowed'],
    ['its port', [{ ports: [{ port: 8080 }] }], 'allowed'],
    ['another port', [{ ports: [{ port: 80 }] }], 'refused'],
    ['its port for some', [{ from: [{ podSelector: {} }], ports: [{ port: 8080 }] }], 'unknown'],
    ['another port for some', [{ from: [{ podSelector: {} }], ports: [{ port: 1 }] }], 'refused'],
    ['a port by its name', [{ ports: [{ port: 'http' }] }], 'unknown'],
  ])('where the policies let in %s', (_, rules, expected) => {
    expect(verdict(listens, ingress(...rules))?.verdict).toBe(expected)
  })
})

describe('the allowances of policies that were never used', () => {
  const profile = learned(
    act.connect('10.0.0.7', 5432),
    meet('db.shop', 6379),
    act.listen('0.0.0.0', 80),
  )
  const found = (...objects: readonly object[]) =>
    difference(profile, objects).allowances.map(({ rule, peers, ports, finding, seen }) =>
      [rule, peers, ports, finding, ...seen].join(' | '),
    )

  it.each<[string, object, readonly string[]]>([
    ['exactly it', { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }], ports: [{ port: 5432 }] }, []],
    [
      'a wider block',
      { to: [{ ipBlock: { cidr: '10.0.0.0/8' } }], ports: [{ port: 5432 }] },
      ['egress[0] | 10.0.0.0/8 | TCP 5432 | wider | TCP 10.0.0.7:5432'],
    ],
    [
      'all ports of it',
      { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }] },
      ['egress[0] | 10.0.0.7/32 | all ports | wider | TCP 10.0.0.7:5432'],
    ],
    [
      'a range of ports',
      { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }], ports: [{ port: 5432, endPort: 5433 }] },
      ['egress[0] | 10.0.0.7/32 | TCP 5432 to 5433 | wider | TCP 10.0.0.7:5432'],
    ],
    [
      'a port more',
      { to: [{ ipBlock: { cidr: '10.0.0.7/32' } }], ports: [{ port: 5432 }, { port: 22 }] },
      ['egress[0] | 10.0.0.7/32 | TCP 22 | never-seen'],
    ],
    [
      'anybody',
      { ports: [{ port: 6379 }] },
      ['egress[0] | anybody | TCP 6379 | wider | TCP db.shop:6379'],
    ],
    [
      'a whole namespace',
      { to: [{ podSelector: {} }], ports: [{ port: 6379 }] },
      ['egress[0] | all pods of its namespace | TCP 6379 | wider | TCP db.shop:6379'],
    ],
    [
      'pods that it may or may not have met',
      { to: [{ podSelector: { matchLabels: { app: 'x' } } }], ports: [{ port: 6379 }] },
      ['egress[0] | pods app=x of its namespace | TCP 6379 | unknown | TCP db.shop:6379'],
    ],
  ])('are listed for a rule for %s', (_, rule, expected) => {
    expect(found(egress(rule))).toEqual(expected)
  })

  it('are listed for ingress by ports alone, and only of policies that select the pods', () => {
    const ingress = policy({ ingress: [{ ports: [{ port: 80 }, { port: 443 }] }] })
    expect(found(ingress)).toEqual(['ingress[0] | anybody | TCP 443 | never-seen'])
    expect(found(policy({ podSelector: { matchLabels: { app: 'db' } }, egress: [{}] }))).toEqual([])
  })

  it('are not listed where no source observed the direction', () => {
    const blind = difference(learned(), [egress({})], web, ['exec'])
    expect(blind.allowances).toEqual([])
    expect(blind.notes.join('; ')).toContain('nobody watched for egress')
  })
})

describe('the existing objects', () => {
  it('are read as kubectl and the API print them', () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [policy({}), namespace('shop', {})] }
    expect(parseInPlace(JSON.stringify(list)).policies).toHaveLength(1)
    const { apiVersion: _, kind: __, ...bare } = policy({}) as Record<string, unknown>
    const own = { apiVersion: 'networking.k8s.io/v1', kind: 'NetworkPolicyList', items: [bare] }
    expect(parseInPlace(stringify(own)).policies).toHaveLength(1)
    expect(parseInPlace('').policies).toEqual([])
  })

  it('name the kinds that are not judged', () => {
    const other = {
      apiVersion: 'cilium.io/v2',
      kind: 'CiliumNetworkPolicy',
      metadata: { name: 'x' },
    }
    expect(difference(learned(), [other]).notes).toContain(
      'policies of other kinds are not judged: CiliumNetworkPolicy x',
    )
  })

  it.each([
    ['no object', 'x'],
    ['no YAML', 'a: [1'],
    ['a peer that is nobody', stringify(egress({ to: [{}] }))],
    [
      'a block with selectors',
      stringify(egress({ to: [{ ipBlock: { cidr: '10.0.0.0/8' }, podSelector: {} }] })),
    ],
    ['a block that is none', stringify(egress({ to: [{ ipBlock: { cidr: '10.0.0.0/99' } }] }))],
    ['a range of a name', stringify(egress({ ports: [{ port: 'a', endPort: 9 }] }))],
    ['a member that nobody knows', stringify(egress({ unless: [] }))],
    [
      'an operator that nobody knows',
      stringify(
        policy({
          podSelector: { matchExpressions: [{ key: 'a', operator: 'Gt', values: ['1'] }] },
        }),
      ),
    ],
  ])('are refused where there is %s', (_, text) => {
    expect(() => parseInPlace(text)).toThrow(
      expect.objectContaining({ code: 'NETWORK_POLICY_INVALID' }),
    )
  })
})

describe('the policy that is exported', () => {
  const port = fc.integer({ min: 1, max: 65_535 })
  const address = fc.constantFrom('10.0.0.7', '192.0.2.9', '2001:db8::1')
  const name = fc.constantFrom('db', 'db.shop', 'user-db.data')
  const connects = fc.oneof(
    fc
      .tuple(address, port, fc.constantFrom('tcp', 'udp'))
      .map(([to, at, protocol]) => act.connect(to, at, {}, protocol)),
    fc.tuple(name, port).map(([to, at]) => meet(to, at)),
    port.map((at) => act.listen('0.0.0.0', at)),
  )

  it('allows exactly the observed connections', () => {
    fc.assert(
      fc.property(fc.array(connects, { maxLength: 12 }), (events) => {
        const profile = learned(...events)
        const { text } = exportProfile('networkpolicy', image, profile)
        const subject = { namespace: 'default', labels: { app: 'web' } }
        const what = exportableOf(image, profile)
        const { connections, allowances } = networkDifference(what, parseInPlace(text), subject)
        for (const one of connections) expect(one).toMatchObject({ verdict: 'allowed' })
        for (const one of allowances) expect(one.finding).toBe('wider')
      }),
    )
  })
})

describe('snug network-policy diff', () => {
  const profile = learned(act.connect('10.0.0.7', 5432), act.listen('0.0.0.0', 80))

  async function run(objects: readonly object[], more: readonly string[] = []) {
    const dir = mkdtempSync(join(tmpdir(), 'snug-netpol-'))
    try {
      const file = join(dir, 'profile.json')
      writeFileSync(file, profileDocument(image, profile.entries()))
      const pods = ['--namespace', 'shop', '--labels', 'app=web,tier=front']
      const args = ['network-policy', 'diff', 'shop/web', '--against', '-', ...pods]
      const stdin = objects.map((each) => stringify(each)).join('---\n')
      return await cli([...args, '--profile', file, ...more], { stdin })
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  }

  it('prints refused connections and too wide rules, and exits with 2 for the former', async () => {
    const refuses = egress({ to: [{ ipBlock: { cidr: '192.0.2.0/24' } }], ports: [{ port: 443 }] })
    const { exit, stdout, stderr } = await run([refuses])
    expect([exit, stderr]).toEqual([2, ''])
    expect(stdout).toMatch(/^egress by +shop\/p$/m)
    expect(stdout).toMatch(/^refused +egress +10\.0\.0\.7 +TCP 5432$/m)
    expect(stdout).toMatch(
      /^10\.0\.0\.7 TCP 5432 +shop\/p selects them, egress\[0\] is for TCP 443$/m,
    )
    expect(stdout).toMatch(/^never seen +shop\/p egress\[0\] +192\.0\.2\.0\/24 +TCP 443$/m)
    expect(stdout).toMatch(/^open +ingress +anybody +TCP 80$/m)
  })

  it('exits with 0 where nothing would be refused, and prints the same as data', async () => {
    const { exit, stdout } = await run([egress({})], ['-o', 'json'])
    expect(exit).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'snug.network-difference/v1',
      image: `shop/web@${image.digest}`,
      namespace: 'shop',
      labels: { app: 'web', tier: 'front' },
      selectedBy: { ingress: [], egress: ['shop/p'] },
      connections: [
        { direction: 'egress', protocol: 'TCP', peer: '10.0.0.7', port: 5432, verdict: 'allowed' },
        { direction: 'ingress', protocol: 'TCP', port: 80, verdict: 'open' },
      ],
      allowances: [{ policy: 'shop/p', rule: 'egress[0]', finding: 'wider' }],
    })
  })

  it('escapes control characters of a policy, and refuses an invalid one', async () => {
    const evil = egress({ ports: [{ port: 'a\u001b[2J' }] })
    expect((await run([evil])).stdout).not.toContain('\u001b')
    expect((await run([{ kind: 'x' }])).exit).toBe(3)
  })

  it('reports how much waits for review', () => {
    const later = learned(act.connect('10.0.0.7', 5432))
    feed(later, [act.connect('10.0.0.9', 22)], 'later')
    expect(difference(later, []).notes).toContain(
      '1 act of the network waits for review and is not in it',
    )
  })
})
