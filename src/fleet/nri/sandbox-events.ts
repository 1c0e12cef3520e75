import { setTimeout as delay } from 'node:timers/promises'
import type { ContainerdClient } from '../../agent/pipeline/identity/containerd/containerd-client.ts'
import type { ContainerdContainer } from '../../agent/pipeline/identity/containerd/containerd-messages.ts'
import { Backoff } from '../../support/backoff.ts'

/** A pod's sandbox that the runtime has made. */
export interface MadeSandbox {
  readonly id: string
  /** The pod's uid, as the kubelet names it to the runtime. */
  readonly pod: string
}

export interface SandboxEventsOptions {
  /** Of the runtime itself. */
  readonly socket: string
  /** It exists, and has no process yet. */
  readonly created: (sandbox: MadeSandbox) => void
  /** One that was reported as created. */
  readonly removed: (id: string) => void
  readonly signal: AbortSignal
}

const backoffRules = { firstMs: 200, longestMs: 5_000 } as const
/** Where containerd keeps the containers of the kubelet. */
const namespace = 'k8s.io'
/** containerd sets it after the labels of pod and image, so neither can. */
const kind = { label: 'io.cri-containerd.kind', sandbox: 'sandbox' } as const
const uidLabel = 'io.kubernetes.pod.uid'
const topics = { create: '/containers/create', delete: '/containers/delete' } as const
const subscribed = Object.values(topics).map((topic) => `namespace==${namespace},topic=="${topic}"`)

/**
 * Follows containerd's events for the sandboxes of pods, until the signal aborts. containerd 2 calls its Node Resource
 * Interface for a sandbox only once the sandbox runs. Ends at once for a runtime without these events, as CRI-O, whose
 * pods have no process of their own by default.
 */
export async function followSandboxes(options: SandboxEventsOptions): Promise<void> {
  const { signal } = options
  const { ContainerdClient: Client, isUnimplemented } = await import(
    '../../agent/pipeline/identity/containerd/containerd-client.ts'
  )
  const client = new Client(options.socket)
  const backoff = new Backoff(backoffRules)
  const reported = new Set<string>()
  while (!signal.aborted) {
    const attempt = new AbortController()
    try {
      const reading = read(client, options, reported, AbortSignal.any([signal, attempt.signal]))
      // What was made before the events arrive.
      const listing = list(client, options, reported).then(() => backoff.reset())
      await Promise.all([reading, listing])
    } catch (error) {
      if (isUnimplemented(error)) break
    } finally {
      attempt.abort()
    }
    await delay(backoff.next(), undefined, { signal }).catch(() => undefined)
  }
  client.close()
}

async function read(
  client: ContainerdClient,
  { created, removed }: SandboxEventsOptions,
  reported: Set<string>,
  signal: AbortSignal,
): Promise<void> {
  const { decodeMessage } = await import(
    '../../agent/pipeline/identity/containerd/containerd-messages.ts'
  )
  for await (const { topic, event } of client.events(signal, subscribed)) {
    if (event === null) continue
    const { id } = decodeMessage('ById', event.value)
    if (topic === topics.delete) {
      if (reported.delete(id)) removed(id)
      continue
    }
    void client.ask('container', namespace, { id }).then(
      ({ container }) => report(container, created, reported),
      // It may be gone again.
      () => undefined,
    )
  }
}

async function list(
  client: ContainerdClient,
  { created, removed }: SandboxEventsOptions,
  reported: Set<string>,
): Promise<void> {
  const filters = [`labels."${kind.label}"==${kind.sandbox}`]
  const { containers } = await client.ask('containers', namespace, { filters })
  const present = new Set(containers.map(({ id }) => id))
  for (const id of reported) if (!present.has(id) && reported.delete(id)) removed(id)
  for (const container of containers) report(container, created, reported)
}

function report(
  container: ContainerdContainer | null,
  created: SandboxEventsOptions['created'],
  reported: Set<string>,
): void {
  const pod = container?.labels[uidLabel]
  if (container === null || pod === undefined || reported.has(container.id)) return
  if (container.labels[kind.label] !== kind.sandbox) return
  reported.add(container.id)
  created({ id: container.id, pod })
}
