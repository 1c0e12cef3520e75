import { constants } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { EngineAct } from '../identity.ts'
import { type ContainerdClient, isLate, isNotFound } from './containerd-client.ts'
import { runningTask, taskStatus } from './containerd-messages.ts'

const { SIGKILL, SIGTERM } = constants.signals
const signals: Readonly<Record<string, number>> = constants.signals
/** Clients of containerd set it, as the image has it. */
const stopSignal = 'io.containerd.image.config.stop-signal'
/** How long a program may take to end itself, as with `docker stop` and `nerdctl stop`. */
const graceMs = 10_000
/** How long a client may take to start the task that it made, and a runtime to freeze one. */
const settledMs = 5_000
const askedMs = 20

/** A container of containerd. Its task has the same id. */
interface TaskRef {
  readonly client: ContainerdClient
  readonly namespace: string
  readonly id: string
  /** Of the container. */
  readonly labels: Readonly<Record<string, string>>
}

/**
 * Freezes, thaws or stops a container. False where it does not run, and so cannot be frozen.
 *
 * Errors: those of gRPC; one where its task is not as ordered afterwards
 */
export async function actOnTask(task: TaskRef, act: EngineAct): Promise<boolean> {
  if (act === 'stop') {
    await stop(task)
    return true
  }
  const name = act === 'freeze' ? 'paused' : 'running'
  const wanted = taskStatus[name]
  const before = await settled(task)
  if (before === wanted || !runningTask.has(before)) return before === wanted
  const { client, namespace, id } = task
  const failure = await client.ask(act === 'freeze' ? 'pause' : 'resume', namespace, { id }).then(
    () => new Error(`its task has another status than \`${name}\``),
    (error: Error) => error,
  )
  // Somebody else may have done it meanwhile.
  const after = await settled(task)
  if (after !== wanted && runningTask.has(after)) throw failure
  return after === wanted
}

/** The status, once neither a client nor the runtime is about to change it. */
async function settled(task: TaskRef): Promise<number> {
  const endMs = Date.now() + settledMs
  for (;;) {
    const status = await statusOf(task)
    const isMoving = status === taskStatus.created || status === taskStatus.pausing
    if (!isMoving || Date.now() > endMs) return status
    await delay(askedMs)
  }
}

/** A container without a task counts as stopped. */
async function statusOf({ client, namespace, id }: TaskRef): Promise<number> {
  try {
    const { process } = await client.ask('task', namespace, { id })
    return process?.status ?? taskStatus.stopped
  } catch (error) {
    if (isNotFound(error)) return taskStatus.stopped
    throw error
  }
}

async function stop(task: TaskRef): Promise<void> {
  const status = await statusOf(task)
  if (status === taskStatus.stopped) return
  const orderly = signals[task.labels[stopSignal] ?? ''] ?? SIGTERM
  // What has not started has nothing to end in order.
  if (status !== taskStatus.created && (await endsBy(orderly, task, status))) return
  if (await endsBy(SIGKILL, task, status)) return
  throw new Error(`it still runs ${graceMs / 1_000} s after SIGKILL`)
}

async function endsBy(signal: number, task: TaskRef, status: number): Promise<boolean> {
  const { client, namespace, id } = task
  try {
    await client.ask('kill', namespace, { id, signal })
    // A frozen process gets the signal once it is thawed. The runtime thaws it for SIGKILL.
    if (status === taskStatus.paused && signal !== SIGKILL)
      await client.ask('resume', namespace, { id })
    await client.ask('wait', namespace, { id }, graceMs)
    return true
  } catch (error) {
    if (isNotFound(error)) return true
    if (isLate(error)) return false
    throw error
  }
}
