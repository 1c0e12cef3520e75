import { kubectlPatience } from '../../fixtures/patience.ts'
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { parse, stringify } from 'yaml'
import type { SnugEvent } from '../../../src/core/event/event.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { images, repositories } from './images.ts'

const sh = promisify(execFile)
const shipped = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url))
const base = join(shipped, 'base')
const nri = join(shipped, 'nri')
export const namespace = 'snug'
const image = { name: 'snug', newName: repositories.snug, newTag: images.snug.split(':')[1] }
const agent = ['-n', namespace, 'exec', 'ds/snug-agent', '-c', 'agent', '--']

/** The text of a `kustomization.yaml`, with the image of these tests. */
export function kustomization(parts: object): string {
  const kind = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' }
  return stringify({ ...kind, images: [image], ...parts })
}

/** Snug as an operator deploys it: their own overlay upon deploy/kubernetes/base. */
export class Deployed {
  readonly #cluster: Cluster
  readonly #overlay = mkdtempSync('/var/tmp/snug-overlay-')
  /** The agent's data folder on the node: a folder of this test. */
  readonly #data = mkdtempSync('/var/tmp/snug-learned-')
  readonly #ends: (() => void)[] = []

  private constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** @param config laid over the one that ships */
  static async on(cluster: Cluster, config: object): Promise<Deployed> {
    const deployed = new Deployed(cluster)
    deployed.#write(config)
    await cluster.kubectl(['apply', '-k', deployed.#overlay])
    await deployed.rolledOut()
    return deployed
  }

  #write(config: object): void {
    const settings = parse(readFileSync(join(base, 'snug.yaml'), 'utf8')) as object
    const { own, sockets } = this.#cluster
    const moved = {
      data: this.#data,
      ...(own ? { nri: sockets.folder, runtime: sockets.folder } : {}),
    }
    const volumes = Object.entries(moved).map(([name, path]) => ({ name, hostPath: { path } }))
    const patch = {
      apiVersion: 'apps/v1',
      kind: 'DaemonSet',
      metadata: { name: 'snug-agent' },
      spec: { template: { spec: { volumes } } },
    }
    const overlay = kustomization({
      resources: [relative(this.#overlay, base)],
      configMapGenerator: [{ name: 'snug', namespace, behavior: 'replace', files: ['snug.yaml'] }],
      // Of a runtime that is not the test's own, the sockets are not known.
      components: own ? [relative(this.#overlay, nri)] : [],
      patches: [{ patch: stringify(patch) }],
    })
    writeFileSync(join(this.#overlay, 'snug.yaml'), stringify({ ...settings, ...config }))
    writeFileSync(join(this.#overlay, 'kustomization.yaml'), overlay)
  }

  /** Takes the agent off the node, or lets it come again. */
  async stay(away: boolean): Promise<void> {
    const nodeSelector = { 'snug.test/away': away ? 'true' : null }
    const patch = JSON.stringify({ spec: { template: { spec: { nodeSelector } } } })
    await this.#cluster.kubectl(['-n', namespace, 'patch', 'ds/snug-agent', '-p', patch])
    if (!away) return this.rolledOut()
    try {
      await this.#cluster.until(
        'no agent',
        () => this.#pods(),
        ({ length }) => length === 0,
        // What failed once, a kubelet tries again after a minute.
      )
    } catch (error) {
      const output = await this.#output([
        ['describe', 'pods'],
        ['logs', '-l', 'app.kubernetes.io/component=agent', '--tail=30'],
      ])
      const node = this.#cluster.own ? await this.#cluster.nodeState('snug-agent') : ''
      throw new Error(`the agent stayed:\n${output}\n${node}`, { cause: error })
    }
  }

  /** Uninstalls Snug from the cluster: removes its pinned programs and maps from the node's kernel. */
  async detach(): Promise<void> {
    const folder = join(this.#overlay, 'detach')
    const overlay = kustomization({ resources: [relative(folder, join(shipped, 'detach'))] })
    mkdirSync(folder)
    writeFileSync(join(folder, 'kustomization.yaml'), overlay)
    await this.#cluster.kubectl(['apply', '-k', folder])
    const status = ['rollout', 'status', 'ds/snug-detach', kubectlPatience]
    await this.#cluster.kubectl(['-n', namespace, ...status])
  }

  /** Fails with the agent's last output. */
  async rolledOut(): Promise<void> {
    const status = ['rollout', 'status', 'ds/snug-agent', kubectlPatience]
    try {
      await this.#cluster.kubectl(['-n', namespace, ...status])
    } catch (error) {
      const output = await this.#output([
        ['describe', 'pods'],
        ['logs', 'ds/snug-agent', '--tail=30'],
      ])
      throw new Error(`the DaemonSet did not come up:\n${output}`, { cause: error })
    }
  }

  async pod<Pod>(): Promise<Pod> {
    const [first] = await this.#pods<Pod>()
    if (first === undefined) throw new Error('the DaemonSet has no pod')
    return first
  }

  async #pods<Pod>(): Promise<readonly Pod[]> {
    const select = ['-l', 'app.kubernetes.io/component=agent']
    const { items } = await this.#cluster.json<{ items: Pod[] }>([
      '-n',
      namespace,
      'get',
      'pods',
      ...select,
    ])
    return items
  }

  /** A command in the agent's pod: gives its standard output. */
  exec(command: readonly string[]): Promise<string> {
    return this.#cluster.kubectl([...agent, ...command])
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.exec(['snug', ...args, '-o', 'json'])) as T
  }

  until<T>(args: readonly string[], good: (view: T) => boolean): Promise<T> {
    return this.#cluster.until(`snug ${args.join(' ')}`, () => this.json<T>(args), good)
  }

  /** Follows the agent's events from now on, for as long as its pod lives. */
  async follow(events: SnugEvent[]): Promise<void> {
    const { kubeconfig } = this.#cluster
    const args = ['--kubeconfig', kubeconfig, ...agent, 'snug', 'event', 'tail', '-o', 'ndjson']
    const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ends.push(() => child.kill())
    createInterface({ input: child.stdout }).on('line', (line) => {
      events.push(JSON.parse(line) as SnugEvent)
    })
    await new Promise<void>((resolve, reject) => {
      let output = ''
      child.stderr.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (output.includes('following')) resolve()
      })
      child.once('exit', () => reject(new Error(`the events ended: ${output}`)))
    })
  }

  /** `kubectl port-forward` to the agent's own port. Gives where it is. */
  async forward(port: number): Promise<string> {
    const args = ['-n', namespace, 'port-forward', 'ds/snug-agent', `:${port}`]
    const all = ['--kubeconfig', this.#cluster.kubeconfig, ...args]
    const child = spawn('kubectl', all, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#ends.push(() => child.kill())
    return new Promise((resolve, reject) => {
      let output = ''
      const listen = (chunk: Buffer): void => {
        output += chunk.toString()
        const found = /Forwarding from (127\.0\.0\.1:\d+)/.exec(output)
        if (found?.[1] !== undefined) resolve(`http://${found[1]}`)
      }
      child.stdout.on('data', listen)
      child.stderr.on('data', listen)
      child.once('exit', () => reject(new Error(`the port is not forwarded: ${output}`)))
    })
  }

  /** The agent's page, forwarded, and what a request needs as an admin. */
  async page(): Promise<{ readonly at: string; readonly headers: Record<string, string> }> {
    const at = await this.forward(7684)
    const token = (await this.exec(['cat', '/var/lib/snug/admin.token'])).trim()
    return { at, headers: { authorization: `Bearer ${token}` } }
  }

  /** Fails with what is left of it. */
  async remove(): Promise<void> {
    for (const end of this.#ends.splice(0)) end()
    const removed = ['-k', this.#overlay, '--ignore-not-found', kubectlPatience]
    try {
      await this.#cluster.kubectl(['delete', ...removed])
    } catch (error) {
      const left = await this.#output([
        ['get', 'namespace', namespace, '-o', 'yaml'],
        ['describe', 'pods'],
      ])
      throw new Error(`Snug was not removed:\n${left}`, { cause: error })
    }
    rmSync(this.#overlay, { recursive: true })
    rmSync(this.#data, { recursive: true, force: true })
  }

  /** The end of what each of these prints. */
  async #output(asked: readonly (readonly string[])[]): Promise<string> {
    const config = ['--kubeconfig', this.#cluster.kubeconfig, '-n', namespace]
    const reported = asked.map((args) =>
      sh('kubectl', [...config, ...args]).then(
        ({ stdout }) => stdout.slice(-4_000),
        (error: unknown) => String(error),
      ),
    )
    return (await Promise.all(reported)).join('\n')
  }
}
