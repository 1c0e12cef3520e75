import { setTimeout as delay } from 'node:timers/promises'
import type Docker from 'dockerode'
import { SnugError } from '../../../../errors.ts'
import { deadline } from '../../../../support/deadline.ts'

export interface DockerEventHandlers {
  /**
   * Called once the stream is open and queues events, so a list that starts here cannot miss a
   * change.
   */
  onOpen(): Promise<void>
  /** `attributes`: name, image and labels of a container; a network event has others. */
  onContainer(action: string, id: string, attributes: Readonly<Record<string, string>>): void
  onImage(action: string): void
}

/** An engine that accepts a connection and does not answer within this time is hung. */
export const answerMs = 10_000
/** How often a silent stream's engine is asked whether it still answers. */
const checkMs = 5_000
/** How long a container's creation is looked for in past events, which a container that just started has. */
const creationMs = 5_000
const creationSeconds = 60
/** Characters of one event. A stream without line ends must not fill the memory. */
const longestEvent = 1 << 20

/** Podman names some of its events differently, also on its Docker-compatible socket. */
const containerActions = ['create', 'start', 'die', 'destroy', 'remove', 'rename'] as const
const imageChanges = ['tag', 'untag', 'delete', 'remove', 'build'] as const
const imageTransfers = ['push', 'pull', 'load', 'loadfromarchive', 'import'] as const
const networkActions = ['connect', 'disconnect'] as const

/** Whether a container is gone for good with this event. */
export function isRemoval(action: string): boolean {
  return action === 'destroy' || action === 'remove'
}

/**
 * Follows the engine's events until the stream ends (resolves), fails or is aborted, or the engine
 * stops answering.
 *
 * Errors: `ENGINE_UNAVAILABLE`.
 */
export async function readDockerEvents(
  docker: Docker,
  signal: AbortSignal,
  handlers: DockerEventHandlers,
): Promise<void> {
  const attempt = new AbortController()
  const either = AbortSignal.any([signal, attempt.signal])
  try {
    const stream = await opened(docker, either)
    const reading = read(stream, handlers)
    const watching = watch(docker, either)
    // Handled below: either may fail during the list, which must not be an unhandled rejection.
    reading.catch(() => undefined)
    watching.catch(() => undefined)
    await Promise.race([handlers.onOpen(), watching])
    await Promise.race([reading, watching])
  } catch (error) {
    if (!signal.aborted) throw error instanceof SnugError ? error : unavailable(error)
  } finally {
    // Ends the stream and the watch.
    attempt.abort()
  }
}

async function opened(docker: Docker, signal: AbortSignal): Promise<NodeJS.ReadableStream> {
  const within = deadline(answerMs, signal)
  try {
    return await docker.getEvents({
      filters: {
        type: ['container', 'image', 'network'],
        event: [...containerActions, ...imageChanges, ...imageTransfers, ...networkActions],
      },
      abortSignal: within.signal,
    })
  } finally {
    // The stream has no end: the deadline is for its first answer.
    within.end()
  }
}

/** Fails once the engine does not answer. A quiet stream does not show whether it would. */
async function watch(docker: Docker, signal: AbortSignal): Promise<never> {
  // The type omits the options, but the method passes them on.
  const engine = docker as { ping(options: { abortSignal: AbortSignal }): Promise<unknown> }
  for (;;) {
    await delay(checkMs, undefined, { signal })
    await engine.ping({ abortSignal: AbortSignal.timeout(answerMs) })
  }
}

async function read(stream: NodeJS.ReadableStream, handlers: DockerEventHandlers): Promise<void> {
  for await (const line of linesOf(stream)) handle(line, handlers)
}

async function* linesOf(stream: NodeJS.ReadableStream): AsyncGenerator<string, void, undefined> {
  stream.setEncoding('utf8')
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > longestEvent) throw new Error('an event without an end')
    for (const line of lines) if (line.trim() !== '') yield line
  }
}

/**
 * Reads the creation of a container from the engine's past events, within seconds. Gives name, image and labels;
 * undefined where the engine has no such event.
 */
export async function readCreation(
  docker: Docker,
  id: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  const within = deadline(creationMs)
  try {
    const stream = await docker.getEvents({
      since: nowSeconds - creationSeconds,
      until: nowSeconds + creationMs / 1_000,
      filters: { type: ['container'], event: ['create'], container: [id] },
      abortSignal: within.signal,
    })
    for await (const line of linesOf(stream)) {
      const { Actor } = JSON.parse(line) as DockerEvent
      if (Actor?.ID === id) return Actor.Attributes ?? {}
    }
    return undefined
  } finally {
    within.end()
  }
}

interface DockerEvent {
  readonly Type?: string
  readonly Action?: string
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> }
}

function handle(line: string, handlers: DockerEventHandlers): void {
  const { Type, Action = '', Actor } = JSON.parse(line) as DockerEvent
  if (Type === 'image') {
    handlers.onImage(Action)
    return
  }
  const id = Type === 'network' ? Actor?.Attributes?.['container'] : Actor?.ID
  if (id !== undefined && id !== '') handlers.onContainer(Action, id, Actor?.Attributes ?? {})
}

function unavailable(cause: unknown): SnugError {
  return new SnugError('ENGINE_UNAVAILABLE', 'the Docker engine does not answer', { cause })
}
