import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import type { StatusView } from '../../src/api/status-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { renderChart } from '../fixtures/chart.ts'
import { Prometheus } from '../fixtures/prometheus.ts'
import { closedPort } from '../fixtures/held-ports.ts'

/**
 * The chart's output with `serviceMonitor.enabled`, used without a cluster: an agent with the config of its ConfigMap,
 * the secrets from the commands of docs/helm.md, and a Prometheus with the scrape config that the operator makes of the
 * ServiceMonitor.
 */
const page = readFileSync(new URL('../../docs/helm.md', import.meta.url), 'utf8')
const folder = mkdtempSync('/tmp/snug-secrets-')
const { objects } = renderChart({ serviceMonitor: { enabled: true } })
let port: number
let agent: Agent

function of<T>(kind: string): T {
  return objects.find((each) => each.kind === kind) as unknown as T
}

const [endpoint] = of<{ readonly spec: { readonly endpoints: readonly [Endpoint] } }>(
  'ServiceMonitor',
).spec.endpoints
const { volumes, containers } = of<DaemonSet>('DaemonSet').spec.template.spec

/** Runs the commands; the API server is left out, and each secret becomes a folder, as it would be mounted. */
function makeSecrets(): void {
  const [, commands = ''] = /```sh\n(new='openssl[^]*?)```/.exec(page) ?? []
  const dry = 'kubectl() { command kubectl "$@" --dry-run=client -o json; }'
  const reported = execFileSync('bash', ['-euc', `${dry}\n${commands}`], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  for (const text of reported.split(/(?<=^\})\n/m).filter((part) => part.trim() !== '')) {
    const { metadata, data } = JSON.parse(text) as Secret
    expect(metadata.namespace).toBe('snug')
    mkdirSync(join(folder, metadata.name))
    for (const [key, value] of Object.entries(data)) {
      writeFileSync(join(folder, metadata.name, key), Buffer.from(value, 'base64'))
    }
  }
}

/** The config of the ConfigMap, of an agent that is on this machine: other ports and folders, no cluster. */
function agentConfig(): object {
  const text = of<{ readonly data: Readonly<Record<string, string>> }>('ConfigMap').data[
    'snug.yaml'
  ]
  const { listen, tls } = parse(text ?? '') as { listen: string; tls: Record<string, unknown> }
  const secret = volumes.find(({ name }) => name === 'tls')?.secret?.secretName ?? ''
  const mount = containers[0].volumeMounts.find(({ name }) => name === 'tls')?.mountPath ?? ''
  const moved = Object.entries(tls).map(([key, value]) => [
    key,
    typeof value === 'string' ? value.replace(mount, join(folder, secret)) : value,
  ])
  return { listen: listen.replace('7684', String(port)), tls: Object.fromEntries(moved) }
}

/** The scrape config that the operator makes of the endpoint, for one pod. */
function scrapeConfig(secret = endpoint.tlsConfig): string {
  const file = ({ name, key }: KeyOf): string => join(folder, name, key)
  return stringify({
    global: { scrape_interval: '1s' },
    scrape_configs: [
      {
        job_name: 'snug',
        metrics_path: endpoint.path,
        scheme: endpoint.scheme,
        tls_config: {
          server_name: secret.serverName,
          ca_file: file(secret.ca.secret),
          cert_file: file(secret.cert.secret),
          key_file: file(secret.keySecret),
        },
        static_configs: [{ targets: [`127.0.0.1:${port}`] }],
      },
    ],
  })
}

interface Targets {
  readonly activeTargets: readonly { readonly lastError: string; readonly health: string }[]
}

async function scraped(config: string): Promise<Targets['activeTargets'][number]> {
  await using prometheus = await Prometheus.start(config)
  const target = async (): Promise<Targets['activeTargets'][number] | undefined> =>
    (await prometheus.get<Targets>('targets'))?.activeTargets[0]
  await expect.poll(async () => (await target())?.health, { interval: 200 }).toMatch(/up|down/)
  return (await target()) as Targets['activeTargets'][number]
}

beforeAll(async () => {
  makeSecrets()
  port = await closedPort()
  agent = new Agent({
    config: { ...agentConfig(), sources: ['file:-'], engines: { docker: { socket: 'none' } } },
  })
  await agent.start()
})
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

it('Prometheus scrapes an agent with the settings of the chart and the documented secrets', async () => {
  expect(await scraped(scrapeConfig())).toMatchObject({ health: 'up', lastError: '' })
})

it('a client with the certificate of an agent is not accepted as Prometheus', async () => {
  const { tlsConfig } = endpoint
  const name = 'snug-agent-tls'
  const worn = {
    ...tlsConfig,
    cert: { secret: { ...tlsConfig.cert.secret, name } },
    keySecret: { ...tlsConfig.keySecret, name },
  }
  const { health, lastError } = await scraped(scrapeConfig(worn))
  expect(health).toBe('down')
  expect(lastError).toContain('401')
})

it('an agent that is another is not asked', async () => {
  const { health, lastError } = await scraped(
    scrapeConfig({ ...endpoint.tlsConfig, serverName: 'snug-prometheus' }),
  )
  expect(health).toBe('down')
  expect(lastError).toContain('certificate is valid for snug-agent')
})

it('its command line goes on without a certificate', async () => {
  const { stdout } = await agent.cli(['status', '-o', 'json'])
  expect((JSON.parse(stdout) as StatusView).state).toBe('running')
})

interface KeyOf {
  readonly name: string
  readonly key: string
}
interface Endpoint {
  readonly path: string
  readonly scheme: string
  readonly tlsConfig: {
    readonly serverName: string
    readonly ca: { readonly secret: KeyOf }
    readonly cert: { readonly secret: KeyOf }
    readonly keySecret: KeyOf
  }
}
interface Secret {
  readonly metadata: { readonly name: string; readonly namespace: string }
  readonly data: Readonly<Record<string, string>>
}
interface DaemonSet {
  readonly spec: { readonly template: { readonly spec: PodSpec } }
}
interface PodSpec {
  readonly volumes: readonly {
    readonly name: string
    readonly secret?: { readonly secretName: string }
  }[]
  readonly containers: readonly [
    {
      readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[]
    },
  ]
}
