import { once } from 'node:events'
import { PassThrough, Writable } from 'node:stream'
import { Exec, type V1Status } from '@kubernetes/client-node'
import { WebSocketHandler } from '@kubernetes/client-node/dist/web-socket-handler.js'
import { type ErrorCode, errorTable, SnugError } from '../errors.ts'
import type { ClusterAccess } from './cluster-access.ts'
import type { AgentPod } from './fleet-client.ts'

const container = 'agent'
/** Of one answer, in bytes. */
const mostBytes = 256 << 20
const answerMs = 60_000
/** Exit codes of `snug` with an answer: 0, and 2 where it found something. */
const answered: readonly number[] = [0, 2]

/**
 * Runs `snug ARGS -o json` in the pod of an agent, through the API server, and gives its answer. It needs the right to
 * create `pods/exec` in the namespace of the agents.
 *
 * Errors: CLUSTER_FORBIDDEN, CLUSTER_UNREACHABLE, AGENT_POD_FAILED, and those of the agent's command.
 *
 * @param good exit codes that come with an answer
 */
export async function askAgent<T>(
  access: ClusterAccess,
  agent: AgentPod,
  args: readonly string[],
  signal: AbortSignal,
  good: readonly number[] = answered,
): Promise<T> {
  const run = await execute(access, agent, ['snug', ...args, '-o', 'json'], signal)
  if (!good.includes(run.exit)) throw failureOf(agent, run)
  try {
    return JSON.parse(run.stdout) as T
  } catch (cause) {
    throw failed(agent, 'its answer is not JSON', cause)
  }
}

export interface Run {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

async function execute(
  access: ClusterAccess,
  agent: AgentPod,
  command: readonly string[],
  signal: AbortSignal,
): Promise<Run> {
  const [stdout, stderr] = [new Collected(), new Collected()]
  // Otherwise the library ends this process's own streams where the server closes those of the command.
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() }
  const exec = new Exec(access.config, new WebSocketHandler(access.config, undefined, streams))
  const until = AbortSignal.any([signal, AbortSignal.timeout(answerMs)])
  let exit: number | undefined
  const onStatus = (status: V1Status): void => {
    exit = exitOf(status)
  }
  const { snugNamespace } = access
  const all = [...command]
  let connection: { terminate(): void } | undefined
  try {
    const opened = await exec.exec(
      snugNamespace,
      agent.name,
      container,
      all,
      stdout,
      stderr,
      null,
      false,
      onStatus,
    )
    connection = opened
    // The exit code comes last; the connection ends after it.
    await once(opened as unknown as EventTarget, 'close', { signal: until })
  } catch (cause) {
    throw connectionError(agent, cause)
  } finally {
    connection?.terminate()
  }
  if (exit === undefined) throw failed(agent, 'the connection ended before the command did')
  return { exit, stdout: stdout.text, stderr: stderr.text }
}

class Collected extends Writable {
  readonly #parts: Buffer[] = []
  #bytes = 0

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error) => void): void {
    this.#bytes += chunk.byteLength
    if (this.#bytes <= mostBytes) this.#parts.push(Buffer.from(chunk))
    done()
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString('utf8')
  }
}

/** The status of the command as the kubelet reports it. */
export function exitOf({ status, details }: V1Status): number {
  if (status === 'Success') return 0
  const code = details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message
  return code === undefined ? 1 : Number(code)
}

/** The agent's own error where its command printed one. */
export function failureOf(
  agent: AgentPod,
  { exit, stderr }: Pick<Run, 'exit' | 'stderr'>,
): SnugError {
  const [, message, code] = /^snug: (.*) \(([A-Z_]+)\)$/m.exec(stderr) ?? []
  if (message !== undefined && code !== undefined && code in errorTable)
    return new SnugError(code as ErrorCode, `${agent.node}: ${message}`)
  return failed(agent, `its command ended with ${exit}: ${stderr.trim().slice(0, 200)}`)
}

function connectionError(agent: AgentPod, cause: unknown): SnugError {
  const message = String((cause as { readonly message?: unknown }).message ?? cause)
  const [, status] = /^Unexpected server response: (\d{3})$/.exec(message) ?? []
  if (status === '401' || status === '403') {
    const what = `no right to run a command in the pod \`${agent.name}\` (create pods/exec)`
    return new SnugError('CLUSTER_FORBIDDEN', what)
  }
  if (status === undefined && cause instanceof Error && cause.name === 'AbortError')
    return failed(agent, 'it did not answer in time', cause)
  return failed(agent, message, cause)
}

function failed(agent: AgentPod, why: string, cause?: unknown): SnugError {
  const message = `the agent \`${agent.name}\` on ${agent.node}: ${why}`
  return new SnugError('AGENT_POD_FAILED', message, cause === undefined ? {} : { cause })
}

const atOnce = 8

/** All of them, some at a time, in their order. */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    for (let at = next++; at < items.length; at = next++) {
      results[at] = await work(items[at] as Item)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return results
}
