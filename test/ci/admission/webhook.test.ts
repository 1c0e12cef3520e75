import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { AdmissionMetrics } from '../../../src/ci/admission/admission-metrics.ts'
import { decide } from '../../../src/ci/admission/decide.ts'
import { Webhook } from '../../../src/ci/admission/webhook.ts'
import { loadAdmission } from '../../../src/ci/admission/load-config.ts'
import { createLog } from '../../../src/support/telemetry/log.ts'
import { Authority, type Leaf } from '../../fixtures/authority.ts'
import { podOf, reviewOf } from '../../fixtures/admission-fixtures.ts'
import { cli } from '../../fixtures/cli-fixtures.ts'

const local = ['DNS:localhost', 'IP:127.0.0.1']
let ours: Authority
let theirs: Authority
let first: Leaf
let open: Webhook
let closed: Webhook
const metrics = new AdmissionMetrics()
const quiet = new Writable({ write: (_chunk, _encoding, done) => done() })

beforeAll(async () => {
  ours = new Authority('ours')
  theirs = new Authority('theirs')
  first = ours.issue('first', local)
  const base = {
    listen: { host: '127.0.0.1', port: 0 },
    tls: { cert: first.cert, key: first.key, ca: ours.ca },
    metrics,
    log: createLog('info', quiet),
    consoleNamespaces: [],
    decide: async ({ images }: { readonly images: readonly string[] }) =>
      decide(
        'deny',
        false,
        images.map((name) => ({ name, faults: name === 'bad' ? ['bad'] : [] })),
      ),
  }
  open = new Webhook(base)
  closed = new Webhook({ ...base, clients: ['URI:spiffe://cluster/api'] })
  await Promise.all([open.start(), closed.start()])
})

afterAll(async () => {
  await Promise.all([open.close(), closed.close()])
  ours[Symbol.dispose]()
  theirs[Symbol.dispose]()
})

interface Answer {
  readonly status: number
  readonly json: Record<string, unknown>
  readonly text: string
  readonly shown: string
}

function ask(
  webhook: Webhook,
  { path = '/admit', body, client }: { path?: string; body?: string; client?: Leaf } = {},
): Promise<Answer> {
  const identity = client === undefined ? {} : { cert: client.cert, key: client.key }
  const options = {
    port: webhook.address.port,
    host: '127.0.0.1',
    path,
    method: body === undefined ? 'GET' : 'POST',
    ca: ours.ca,
    agent: false,
    ...identity,
  } as const
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      const shown = String((response.socket as TLSSocket).getPeerCertificate().subject.CN)
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')))
      response.on('end', () => {
        const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {}
        resolve({ status: response.statusCode ?? 0, json, text, shown })
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const review = (...images: readonly string[]) =>
  JSON.stringify(reviewOf({ object: podOf(...images) }))

describe('the webhook', () => {
  it('answers a review with the uid of its request', async () => {
    const { status, json } = await ask(open, { body: review('good') })
    expect([status, json]).toMatchObject([
      200,
      { kind: 'AdmissionReview', response: { uid: 'u-1', allowed: true } },
    ])
    expect((await ask(open, { body: review('good', 'bad') })).json).toMatchObject({
      response: { allowed: false, status: { code: 403, message: 'snug: bad: bad' } },
    })
  })

  it.each([
    ['{', 400, 'BODY_INVALID'],
    ['[]', 400, 'BODY_INVALID'],
    [`"${'x'.repeat(9 << 20)}"`, 413, 'BODY_TOO_LARGE'],
  ])('refuses an invalid review by code, and continues', async (body, status, code) => {
    expect(await ask(open, { body })).toMatchObject({ status, json: { code } })
    expect((await ask(open, { body: review('good') })).status).toBe(200)
  })

  it('takes the largest review that there is', async () => {
    const pod = { ...podOf('good'), metadata: { annotations: { big: 'x'.repeat(3 << 20) } } }
    const body = JSON.stringify(reviewOf({ operation: 'UPDATE', object: pod, oldObject: pod }))
    expect((await ask(open, { body })).json).toMatchObject({ response: { allowed: true } })
  })

  it('has health and metrics, and nothing else', async () => {
    expect((await ask(open, { path: '/healthz' })).text).toBe('ok')
    expect((await ask(open, { path: '/readyz' })).text).toBe('ok')
    const { text } = await ask(open, { path: '/metrics' })
    expect(text).toMatch(/^snug_admit_pods_total\{verdict="refused"\} [1-9]/m)
    expect(text).toMatch(/^snug_admit_answer_seconds_count [1-9]/m)
    expect((await ask(open, { path: '/' })).json).toMatchObject({ code: 'ROUTE_UNKNOWN' })
    expect((await ask(open, { path: '/admit' })).json).toMatchObject({ code: 'ROUTE_UNKNOWN' })
  })

  it('survives a connection without TLS', async () => {
    const socket = connect(open.address.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await new Promise((resolve) => socket.once('close', resolve))
    expect((await ask(open, { body: review('good') })).status).toBe(200)
  })

  it('presents a new certificate once it has it, and keeps open connections', async () => {
    const before = connectTls({ port: open.address.port, host: '127.0.0.1', ca: ours.ca })
    await new Promise((resolve) => before.once('secureConnect', resolve))
    const second = ours.issue('second', local)
    const halves = { cert: second.cert, key: first.key }
    expect(() => open.renew(halves)).toThrow('cannot be used')
    expect((await ask(open, { path: '/healthz' })).shown).toBe('first')
    open.renew({ cert: second.cert, key: second.key })
    expect((await ask(open, { path: '/healthz' })).shown).toBe('second')
    const answered = new Promise((resolve) => before.once('data', (data) => resolve(String(data))))
    before.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n')
    expect(await answered).toContain('200 OK')
    before.destroy()
  })
})

describe('with clients named', () => {
  const api = ['URI:spiffe://cluster/api']
  it('answers those alone whose certificate has the name, by an authority that is ours', async () => {
    const body = review('good')
    expect((await ask(closed, { body, client: ours.issue('api', api) })).status).toBe(200)
    for (const client of [
      undefined,
      ours.issue('x', ['URI:spiffe://cluster/x']),
      theirs.issue('api', api),
    ]) {
      const asked = client === undefined ? { body } : { body, client }
      expect(await ask(closed, asked)).toMatchObject({ status: 403, json: { code: 'FORBIDDEN' } })
    }
    // A client of the health check has no certificate.
    expect((await ask(closed, { path: '/healthz' })).status).toBe(200)
  })
})

describe('its config', () => {
  const folder = mkdtempSync('/tmp/snug-admit-')
  const file = join(folder, 'admission.yaml')
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const least = {
    schema: 'snug.admission/v1',
    tls: { cert: 'c', key: 'k' },
    trust: { keys: ['ci.pub'], registries: ['reg.local'] },
  }

  it('is complete with keys, registries and a certificate', () => {
    writeFileSync(file, JSON.stringify(least))
    expect(loadAdmission(file, {})).toMatchObject({
      listen: { host: '0.0.0.0', port: 9443 },
      policy: { action: 'deny', failClosed: false, images: { profile: true, gate: true } },
      times: { within: 3_000, trusted: 300_000 },
      kept: 10_000,
    })
  })

  it('that ships is right', () => {
    const shipped = new URL('../../../deploy/kubernetes/admission/admission.yaml', import.meta.url)
    expect(loadAdmission(fileURLToPath(shipped), {}).policy.action).toBe('warn')
  })

  it.each([
    [undefined, 'snug', ['snug']],
    [['security', 'team-a'], 'snug', ['security', 'team-a']],
    [[], 'snug', []],
    [undefined, '', []],
    [undefined, undefined, []],
  ])('that names %j, in the namespace %j, trusts consoles in %j', (named, own, trusted) => {
    writeFileSync(file, JSON.stringify({ ...least, consoleNamespaces: named }))
    const env = { SNUG_NAMESPACE: own }
    expect(loadAdmission(file, env).consoleNamespaces).toEqual(trusted)
  })

  it.each(['*', 'snug:snug-console', 'Snug', 'a'.repeat(64)])(
    'is refused where %j is a namespace',
    async (namespace) => {
      writeFileSync(file, JSON.stringify(least))
      const check = ['admit', '--config', file, '--check']
      const env = { SNUG_NAMESPACE: namespace }
      const { exit, stderr } = await cli(check, { env })
      expect([exit, stderr]).toEqual([3, expect.stringContaining('ADMISSION_INVALID')])
      expect(stderr).toContain('`SNUG_NAMESPACE` is not a namespace')
      writeFileSync(file, JSON.stringify({ ...least, consoleNamespaces: ['snug', namespace] }))
      expect((await cli(check)).stderr).toContain('`consoleNamespaces.1`: must be the name of')
    },
  )

  it.each([
    [{ ...least, action: 'maybe' }, 'line 1: `action`'],
    [{ ...least, typo: 1 }, '`typo`'],
    [{ ...least, trust: { keys: [], registries: ['x'] } }, '`trust`: needs `keys`'],
    [
      { ...least, trust: { ...least.trust, keyless: { root: '/root.json' } } },
      '`trust.keyless`: needs `root` and `signers`',
    ],
    [
      { ...least, tls: { ...least.tls, clients: ['URI:x'] } },
      'needs `clients` together with `clientCa` or `trustDomains',
    ],
    [{ ...least, listen: 'here' }, '`HOST:PORT`'],
  ])('with a mistake is refused with its place', async (config, words) => {
    writeFileSync(file, JSON.stringify(config))
    const { exit, stderr } = await cli(['admit', '--config', file, '--check'])
    expect([exit, stderr]).toEqual([3, expect.stringContaining('ADMISSION_INVALID')])
    expect(stderr).toContain(words)
  })

  it('with invalid keys or certificates does not start', async () => {
    writeFileSync(file, JSON.stringify(least))
    expect(await cli(['admit', '--config', file, '--check'])).toMatchObject({ exit: 0 })
    expect((await cli(['admit', '--config', file])).stderr).toContain('KEY_INVALID')
    expect((await cli(['admit', '--config', join(folder, 'none')])).stderr).toContain(
      'ADMISSION_INVALID',
    )
  })
})
