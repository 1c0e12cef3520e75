import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { type SinkConfig, sinkTypes } from '../../src/support/config/sink-schema.ts'
import { startAgent } from '../fixtures/agent.ts'

/** What a process loaded is in the coverage that V8 writes at its end, and what that consists of in the source maps. */
const folder = mkdtempSync('/tmp/snug-loaded-')
const secret = { env: 'SNUG_TEST_SECRET' }
/** Nobody listens there: a sink has loaded what it needs when it fails to connect. */
const nowhere = '127.0.0.1:9'
const url = `http://${nowhere}/`
type Type = SinkConfig['type']

/** Each type with the least that it takes. */
const sinks: { readonly [type in Type]: object } = {
  stdout: {},
  file: { path: join(folder, 'alerts.ndjson') },
  syslog: { address: nowhere },
  http: { url },
  otlp: { url },
  falco: { url },
  splunk: { url, token: secret },
  elasticsearch: { url },
  loki: { url },
  alertmanager: { url },
  slack: { url: { env: 'SNUG_TEST_URL' } },
  teams: { url: { env: 'SNUG_TEST_URL' } },
  pagerduty: { url, key: secret },
  kafka: { brokers: [nowhere], topic: 'alerts' },
  nats: { servers: [nowhere], subject: 'alerts' },
}
/** The libraries of the types that need some. */
const libraries: { readonly [type in Type]?: readonly string[] } = {
  kafka: ['kafkajs'],
  nats: [
    '@nats-io/jetstream',
    '@nats-io/nats-core',
    '@nats-io/nkeys',
    '@nats-io/nuid',
    '@nats-io/transport-node',
    'tweetnacl',
  ],
}
/** Of engines, clusters, policies, certified signers and other commands, of which the agents here have none. */
const others = [
  '@grpc/grpc-js',
  '@kubernetes/client-node',
  '@modelcontextprotocol/core',
  '@modelcontextprotocol/server',
  '@open-policy-agent/opa-wasm',
  '@sigstore/bundle',
  '@sigstore/core',
  '@sigstore/protobuf-specs',
  '@sigstore/verify',
  'dockerode',
  'protobufjs',
]

const packageIn = (path: string): string | undefined =>
  /^.*[/]node_modules[/]((?:@[^/]+[/])?[^/]+)[/]/.exec(path)?.[1]

/** Packages of which a program of `dist` has loaded code, from the folder that V8 wrote to. */
function packagesIn(coverage: string): ReadonlySet<string> {
  const files = readdirSync(coverage).flatMap((name) => {
    const { result } = JSON.parse(readFileSync(join(coverage, name), 'utf8')) as {
      readonly result: readonly { readonly url: string }[]
    }
    return result.flatMap((one) => (one.url.startsWith('file:') ? [fileURLToPath(one.url)] : []))
  })
  const parts = files.flatMap((file) => {
    const map = `${file}.map`
    if (!existsSync(map)) return [file]
    return (JSON.parse(readFileSync(map, 'utf8')) as { readonly sources: readonly string[] })
      .sources
  })
  expect(parts.some((part) => part.endsWith('/src/main.ts'))).toBe(true)
  return new Set(parts.flatMap((part) => packageIn(part) ?? []))
}

/** What an agent loads that has sinks of these types and sends a test alert to each. */
async function loadedWith(types: readonly Type[]): Promise<ReadonlySet<string>> {
  const coverage = mkdtempSync(join(folder, 'v8-'))
  const env = { NODE_V8_COVERAGE: coverage, SNUG_TEST_SECRET: 's3cret', SNUG_TEST_URL: url }
  const config = {
    sources: ['file:-'],
    engines: { docker: { socket: 'none' } },
    sinks: types.map((type) => ({ name: `to-${type}`, type, ...sinks[type] })),
  }
  await using agent = await startAgent({ config, env })
  for (const type of types) {
    const { code } = await agent.cli(['sink', 'test', `to-${type}`])
    expect([type, code]).toEqual([type, type === 'stdout' || type === 'file' ? 0 : 2])
  }
  expect(await agent.stop()).toBe(0)
  return packagesIn(coverage)
}

const without = await loadedWith([])
const addedBy = async (types: readonly Type[]): Promise<readonly string[]> =>
  [...(await loadedWith(types))].filter((name) => !without.has(name)).sort()

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('an agent loads the libraries of a sink only when that sink is configured', () => {
  test('without sinks it loads none of them, nor those that other settings need', () => {
    const optional = [...Object.values(libraries).flat(), ...others]
    expect(without).toContain('pino')
    expect(optional.filter((name) => without.has(name))).toEqual([])
  })

  test('the sinks over HTTP, syslog, files and standard output need none', async () => {
    const plain = sinkTypes.filter((type) => libraries[type] === undefined)
    expect(await addedBy(plain)).toEqual([])
  })

  test.each(['kafka', 'nats'] as const)('a sink of type %s loads its own', async (type) => {
    expect(await addedBy([type])).toEqual(libraries[type])
  })
})
