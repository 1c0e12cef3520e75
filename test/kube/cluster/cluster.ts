import { execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type HeldPorts, heldPorts } from '../../fixtures/held-ports.ts'
import { containerdPath } from '../../fixtures/runtimes.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const sh = promisify(execFile)
const here = fileURLToPath(new URL('./', import.meta.url))
const maxBuffer = 64 << 20

/**
 * Outside the repository: it takes five minutes to build, and every checkout can use it. Its folder `bin` may have the
 * servers of any version from 1.20 to 1.36, and `pause`.
 */
const cache = process.env['SNUG_KUBE_CACHE'] ?? join(homedir(), '.cache/snug-kube')

export interface AuditLine {
  /** Of the request: it can have a line when its answer begins, and one when it is done. */
  readonly auditID: string
  readonly verb: string
  readonly requestURI: string
  readonly requestReceivedTimestamp: string
  readonly userAgent?: string
  readonly objectRef: {
    readonly resource: string
    readonly namespace: string
    readonly name?: string
  }
  readonly responseStatus: { readonly code: number }
  readonly annotations?: Readonly<Record<string, string>>
}

/** This machine, as the pods of a cluster's own node reach it. */
export const nodeAddress = '10.244.0.1'

/**
 * A cluster to test against: one of the test's own, of Debian's pieces, or another that `SNUG_TEST_KUBECONFIG` names.
 * Into that one images get by `SNUG_TEST_LOAD`, a command that is given the path of an archive as `docker save` writes
 * it (such as `kind load image-archive`).
 */
export class Cluster {
  readonly kubeconfig: string
  /** Whether it is the test's own: then its servers can be killed, and its node looked at. */
  readonly own: boolean
  readonly #run: string
  readonly #flags: readonly string[]
  /** Of the API server; the four behind it are its companions'. */
  readonly #port: string
  readonly #ports: HeldPorts

  private constructor(
    run: string,
    given: string | undefined,
    flags: readonly string[],
    ports: HeldPorts,
  ) {
    this.#run = run
    this.#flags = flags
    this.#ports = ports
    this.#port = String(ports.first)
    this.own = given === undefined
    this.kubeconfig = given ?? join(run, 'admin.kubeconfig')
  }

  /** @param how `flags`: more of them for its own API server; the last of a name counts */
  static async start(how: {
    readonly node: boolean
    readonly flags?: readonly string[]
  }): Promise<Cluster> {
    const given = process.env['SNUG_TEST_KUBECONFIG']
    const run = mkdtempSync('/var/tmp/snug-kube-')
    const cluster = new Cluster(run, given, how.flags ?? [], await heldPorts(5))
    if (!cluster.own) return cluster
    const bin = join(cache, 'bin')
    if (!existsSync(bin)) {
      mkdirSync(cache, { recursive: true })
      await script('build.sh', [cache])
    }
    try {
      await cluster.server('start')
      if (how.node) await cluster.server('start-scheduler')
      if (how.node) await script('node.sh', ['start', bin, cluster.#run, cluster.#port])
    } catch (error) {
      await cluster.stop()
      throw error
    }
    return cluster
  }

  /** The sockets of the runtime of the cluster's own node: of its Node Resource Interface, and its own; both in one folder. */
  get sockets(): { readonly folder: string; readonly nri: string; readonly runtime: string } {
    const folder = this.#run
    return { folder, nri: join(folder, 'nri.sock'), runtime: join(folder, 'containerd.sock') }
  }

  /** Starts or ends parts of the cluster's own control plane. */
  async server(
    what: 'start' | 'start-scheduler' | 'stop' | 'kill-api' | 'start-api',
  ): Promise<void> {
    await script('server.sh', [what, join(cache, 'bin'), this.#run, this.#port, ...this.#flags])
  }

  /** The cluster's own key or certificate authority, by file name. */
  pki(file: `${'admin' | 'apiserver'}.${'crt' | 'key'}` | 'ca.crt' | 'sa.key'): string {
    return readFileSync(join(this.#run, 'pki', file), 'utf8')
  }

  /** Compacts the cluster's own etcd: only the current state remains. */
  async forget(): Promise<void> {
    const ask = async (what: string, body: object): Promise<{ header: { revision: string } }> => {
      const url = `http://127.0.0.1:${Number(this.#port) + 3}/v3/kv/${what}`
      const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
      if (!answer.ok) throw new Error(`etcd: ${what}: ${answer.status}: ${await answer.text()}`)
      return (await answer.json()) as { header: { revision: string } }
    }
    const { header } = await ask('range', { key: Buffer.from('/').toString('base64') })
    await ask('compaction', { revision: header.revision, physical: true })
  }

  async kubectl(args: readonly string[], input?: string): Promise<string> {
    const all = ['--kubeconfig', this.kubeconfig, ...args]
    const running = sh('kubectl', all, { maxBuffer })
    if (input !== undefined) running.child.stdin?.end(input)
    return (await running).stdout
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl([...args, '-o', 'json'])) as T
  }

  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    await this.kubectl(['apply', '-f', '-'], JSON.stringify(list))
  }

  /** A kubeconfig of a user with a certificate, who has no rights yet. */
  async user(name: string): Promise<string> {
    await script('server.sh', ['user', join(cache, 'bin'), this.#run, this.#port, name])
    return join(this.#run, `${name}.kubeconfig`)
  }

  get auditLog(): string {
    return join(this.#run, 'audit.log')
  }

  /** The lines of the cluster's own audit log: its policy records the requests for pods. */
  audit(): readonly AuditLine[] {
    const lines = readFileSync(this.auditLog, 'utf8').split('\n')
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as AuditLine)
  }

  /** Repeats the request until the condition holds; a failure prints the last result. */
  async until<T>(what: string, ask: () => Promise<T>, good: (answer: T) => boolean): Promise<T> {
    const deadline = Date.now() + patienceMs
    let last: unknown
    for (;;) {
      try {
        const answer = await ask()
        if (good(answer)) return answer
        last = answer
      } catch (error) {
        last = error instanceof Error ? error.message : error
      }
      if (Date.now() > deadline) {
        const text = typeof last === 'string' ? last : JSON.stringify(last, null, 1)
        throw new Error(`${what}: it did not come; at last:\n${text?.slice(0, 6_000)}`)
      }
      await delay(300)
    }
  }

  /** An archive as `docker save` writes it; the images can then be run by their names, which need a host part. */
  async load(archive: string, repository: string): Promise<void> {
    const command = process.env['SNUG_TEST_LOAD']
    if (!this.own) {
      if (command !== undefined) await sh('sh', ['-c', `${command} "$0"`, archive], { maxBuffer })
      return
    }
    // By digest too, so that the pod's status names it as it does with a registry.
    const args = ['-a', join(this.#run, 'containerd.sock'), '-n', 'k8s.io', 'images', 'import']
    await sh('ctr', [...args, '--digests', '--base-name', repository, archive], {
      maxBuffer,
      env: runtimes(),
    })
  }

  /** Kills the process of a container on the cluster's own node, as when it crashes. */
  async killContainer(id: string): Promise<void> {
    const tasks = ['-a', this.sockets.runtime, '-n', 'k8s.io', 'tasks']
    await sh('ctr', [...tasks, 'kill', '--signal', 'SIGKILL', id], { env: runtimes() })
  }

  /** The latest lines of the own node's logs that name the pod, and its processes with where in the kernel they wait. */
  async nodeState(pod: string): Promise<string> {
    const logs = ['kubelet', 'containerd'].map((name) => {
      const lines = readFileSync(join(this.#run, `${name}.log`), 'utf8').split('\n')
      return [`${name}:`, ...lines.filter((line) => line.includes(pod)).slice(-30)].join('\n')
    })
    const columns = 'pid,ppid,stat,wchan:24,etimes,args'
    const { stdout } = await sh('ps', ['-eo', columns], { maxBuffer })
    const processes = stdout.split('\n').filter((line) => /snug|^ *PID/.test(line))
    return [...logs, ...processes.map((line) => line.slice(0, 160))].join('\n')
  }

  async stop(): Promise<void> {
    if (this.own) {
      await script('node.sh', ['stop', join(cache, 'bin'), this.#run])
      await this.server('stop')
    }
    this.#ports.release()
    rmSync(this.#run, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 })
  }
}

function runtimes(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: containerdPath() }
}

/** The script's servers outlive it: its output goes to a file, as reading a pipe would wait for them. */
async function script(name: string, args: readonly string[]): Promise<void> {
  const child = spawn(join(here, name), args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: runtimes(),
  })
  const words: string[] = []
  child.stderr.on('data', (chunk: Buffer) => words.push(chunk.toString()))
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  child.stderr.destroy()
  if (code !== 0) throw new Error(`${name} ${args.join(' ')}: exit ${code}\n${words.join('')}`)
}
