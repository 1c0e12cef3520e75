import type Docker from 'dockerode'
import { SnugError } from '../../errors.ts'

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

const containerActions = ['create', 'start', 'die', 'destroy', 'rename'] as const
const imageActions = ['tag', 'untag', 'delete', 'push', 'pull', 'load', 'import'] as const
const networkActions = ['connect', 'disconnect'] as const

/**
 * Follows the engine's events until the stream ends (resolves), fails or is aborted.
 *
 * Errors: `ENGINE_UNAVAILABLE`.
 */
export async function readDockerEvents(
  docker: Docker,
  signal: AbortSignal,
  handlers: DockerEventHandlers,
): Promise<void> {
  let stream: NodeJS.ReadableStream
  try {
    stream = await docker.getEvents({
      filters: {
        type: ['container', 'image', 'network'],
        event: [...containerActions, ...imageActions, ...networkActions],
      },
      abortSignal: signal,
    })
  } catch (error) {
    throw unavailable(error)
  }
  const reading = read(stream, handlers)
  // Handled below: the stream may fail during the list, which must not be an unhandled rejection.
  reading.catch(() => undefined)
  try {
    await handlers.onOpen()
    await reading
  } catch (error) {
    if (!signal.aborted) throw error instanceof SnugError ? error : unavailable(error)
  } finally {
    if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
  }
}

async function read(stream: NodeJS.ReadableStream, handlers: DockerEventHandlers): Promise<void> {
  stream.setEncoding('utf8')
  let rest = ''
  for await (const chunk of stream) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') handle(line, handlers)
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
