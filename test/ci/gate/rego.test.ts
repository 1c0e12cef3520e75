import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { profileDocument } from '../../../src/supplychain/export/profile-document.ts'
import { findAll, type GateInput } from '../../../src/ci/gate/gate.ts'
import { parseRegoOutput, regoInput, withRego } from '../../../src/ci/gate/rego.ts'
import { serverPolicy } from '../../../src/plugins/rego/server-policy.ts'
import { wasmPolicy } from '../../../src/plugins/rego/wasm-policy.ts'
import { regoWasm } from '../../fixtures/rego-wasm.ts'
import { act, shaper, shippedGuardrails } from '../../fixtures/event-fixture.ts'
import { cli } from '../../fixtures/cli-fixtures.ts'
import { fileOf, nowMs, policy, service } from '../../fixtures/gate-fixtures.ts'

const dir = mkdtempSync(join(tmpdir(), 'snug-rego-'))
const at = (name: string): string => join(dir, name)
let opa: Server
let url = ''
/** The last request to the server, and its answer. */
let asked: { readonly input?: object } = {}
let answer: { readonly status?: number; readonly text: string } = { text: '{}' }

beforeAll(async () => {
  const wasm = await regoWasm()
  writeFileSync(at('policy.wasm'), wasm)
  await bundle('bundle.tar.gz', { '/policy.wasm': wasm, '/data.json': '{"peers":[]}', '/x': 'y' })
  await bundle('empty.tar.gz', { '/data.json': '{}' })
  await bundle('broken.tar.gz', { '/policy.wasm': wasm, '/data.json': '{' })
  writeFileSync(at('none'), 'no policy')
  for (const [name, peer] of [
    ['same', '10.0.0.7'],
    ['outside', '203.0.113.9'],
  ] as const) {
    const more = act.connect(peer, 443, { exe: '/usr/bin/helper' })
    const { image, behaviours } = fileOf(service(more), '2')
    writeFileSync(at(`${name}.json`), profileDocument(image, behaviours))
  }
  const image = { Id: `sha256:${'2'.repeat(64)}`, Config: { User: '' }, RootFS: { Layers: [] } }
  writeFileSync(at('image.json'), JSON.stringify([image]))
  opa = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString('utf8')))
    request.on('end', () => {
      asked = JSON.parse(body) as typeof asked
      response.writeHead(answer.status ?? 200, { location: '/v1/data/other' }).end(answer.text)
    })
  }).listen(0, '127.0.0.1')
  await once(opa, 'listening')
  url = `http://127.0.0.1:${(opa.address() as AddressInfo).port}/v1/data/snug/gate`
})

afterAll(() => {
  opa.closeAllConnections()
  opa.close()
  rmSync(dir, { recursive: true, force: true })
})

async function bundle(name: string, files: Readonly<Record<string, string | Uint8Array>>) {
  const tar = pack()
  for (const [path, content] of Object.entries(files))
    tar.entry({ name: path }, Buffer.from(content))
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  writeFileSync(at(name), gzipSync(Buffer.concat(parts)))
}

const gate = (profile: string, ...more: readonly string[]) => {
  const files = ['--image-config', at('image.json'), '--profile', at(profile)]
  return cli(['gate', 'shop/web:2', ...files, '-o', 'json', ...more])
}

interface Reported {
  readonly passed: boolean
  readonly findings: readonly {
    readonly id: string
    readonly rule: string
    readonly level: string
    readonly why?: string
  }[]
}
const reported = (stdout: string): Reported => JSON.parse(stdout) as Reported

describe('a policy that was compiled to WebAssembly', () => {
  it.each(['policy.wasm', 'bundle.tar.gz'])(
    'adds findings and grades those that are there: %s',
    async (file) => {
      const same = await gate('same.json', '--policy-wasm', at(file))
      expect([same.exit, same.stderr]).toEqual([0, ''])
      expect(reported(same.stdout).findings.map(({ id, level }) => `${level} ${id}`)).toContain(
        'warn image-root',
      )
      const { exit, stdout } = await gate('outside.json', '--policy-wasm', at(file))
      expect(exit).toBe(2)
      const { findings } = reported(stdout)
      expect(findings[0]).toMatchObject({ id: 'outside', rule: 'policy', level: 'approve' })
      expect(findings.find(({ id }) => id === 'image-root')).toMatchObject({
        level: 'note',
        why: 'by the policy: it is known',
      })
    },
  )

  it.each([
    [['--policy-wasm', 'none'], 'is neither a policy nor a bundle'],
    [['--policy-wasm', 'empty.tar.gz'], 'is neither a policy nor a bundle with one'],
    [['--policy-wasm', 'broken.tar.gz'], 'is not JSON'],
    [
      ['--policy-wasm', 'policy.wasm', '--policy-entrypoint', 'x/y'],
      'has no entrypoint `x/y`, but `snug/gate`',
    ],
    [
      ['--policy-wasm', 'policy.wasm', '--policy-entrypoint', 'snug/nothing'],
      'the policy has no result',
    ],
  ])('that cannot decide lets nothing pass: %j', async (args, words) => {
    const [option = '', file = '', ...more] = args
    const { exit, stderr, stdout } = await gate('same.json', option, at(file), ...more)
    expect([exit, stdout]).toEqual([1, ''])
    expect(stderr).toContain('REGO_FAILED')
    expect(stderr).toContain(words)
  })

  it('that aborts fails with its reason', async () => {
    const rego = await wasmPolicy(at('policy.wasm'))
    await expect(rego({ abort: true })).rejects.toThrow('the policy failed: told to')
  })
})

describe('a policy on a server', () => {
  it('receives the input, and its answer is used', async () => {
    const findings = [{ level: 'warn', text: 'mind the gap' }]
    answer = { text: JSON.stringify({ result: { findings } }) }
    const { exit, stdout } = await gate('same.json', '--policy-opa', url)
    expect(exit).toBe(0)
    expect(reported(stdout).findings).toContainEqual({
      id: 'policy:mind the gap',
      rule: 'policy',
      ...findings[0],
    })
    expect(asked.input).toMatchObject({
      schema: 'snug.gate-input/v1',
      image: { name: 'shop/web:2' },
    })
  })

  it.each([
    [{ text: '{}' }, 'the policy has no result'],
    [{ text: 'no' }, 'with invalid JSON'],
    [{ text: '{"code":"undefined_document"}', status: 404 }, 'answered 404'],
    [{ text: '', status: 307 }, 'cannot reach'],
    [{ text: '{"result":{"findings":[{"level":"high","text":"x"}]}}' }, '`findings.0.level`'],
    [{ text: '{"result":{"allow":true}}' }, 'allow'],
  ])('that does not answer as it must lets nothing pass: %j', async (given, words) => {
    answer = given
    const { exit, stderr } = await gate('same.json', '--policy-opa', url)
    expect([exit, stderr]).toEqual([1, expect.stringContaining('REGO_FAILED')])
    expect(stderr).toContain(words)
  })

  it('is one by its data API, and not both at once', async () => {
    expect(() => serverPolicy('http://127.0.0.1:8181/')).toThrow('/v1/data/')
    expect(() => serverPolicy('file:///v1/data/x')).toThrow('/v1/data/')
    const both = ['--policy-opa', url, '--policy-wasm', at('policy.wasm')]
    expect((await gate('same.json', ...both)).exit).toBe(64)
  })
})

it('receives the observed behaviours, the new ones and the other findings', () => {
  const now = service(act.connect('203.0.113.9', 443, { exe: '/usr/bin/helper' }))
  const input: GateInput = {
    image: 'shop/web:2',
    policy,
    guardrails: shippedGuardrails,
    shaper,
    nowMs,
    profile: fileOf(now, '2'),
    baseline: fileOf(service()),
  }
  const given = regoInput(input, findAll(input)) as {
    readonly behaviours: readonly { readonly text: string; readonly new: boolean }[]
    readonly findings: readonly { readonly rule: string }[]
  }
  expect(given.behaviours.filter((one) => one.new).map(({ text }) => text)).toEqual([
    expect.stringContaining('203.0.113.9:443'),
  ])
  expect(given.behaviours).toHaveLength(7)
  expect(given.behaviours).toContainEqual(
    expect.objectContaining({
      uid: expect.any(Number),
      actor: { exe: '/usr/bin/helper' },
      object: expect.objectContaining({ kind: 'connect', port: 5432 }),
      origins: ['entrypoint'],
    }),
  )
  expect(given.findings.map(({ rule }) => rule)).toEqual(['new-peer'])
})

it('a level that a policy sets appears with its reason, and other findings keep theirs', () => {
  const finding = { id: 'b1', rule: 'new-peer', level: 'approve', text: 'x', why: 'y' } as const
  const output = parseRegoOutput({ levels: [{ id: 'b1', level: 'warn', reason: 'planned' }] })
  expect(withRego([finding, { ...finding, id: 'b2' }], output)).toEqual([
    { ...finding, level: 'warn', why: 'y; by the policy: planned' },
    { ...finding, id: 'b2' },
  ])
})
