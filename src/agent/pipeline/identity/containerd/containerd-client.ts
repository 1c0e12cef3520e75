import { Client, credentials, Metadata, status } from '@grpc/grpc-js'
import {
  decodeMessage,
  encodeMessage,
  type MessageName,
  type Messages,
} from './containerd-messages.ts'

/** An engine that accepts a connection and does not answer within this time is hung. */
const answerMs = 10_000
/** Bytes: a list has the specification of each container. */
const longestAnswer = 64 << 20
/** Bytes of a manifest or configuration of an image. */
const longestContent = 4 << 20

/** Path of the method, then the names of its request and answer. */
const methods = {
  namespaces: ['/containerd.services.namespaces.v1.Namespaces/List', 'Empty', 'Namespaces'],
  containers: ['/containerd.services.containers.v1.Containers/List', 'Filters', 'Containers'],
  container: ['/containerd.services.containers.v1.Containers/Get', 'ById', 'OneContainer'],
  tasks: ['/containerd.services.tasks.v1.Tasks/List', 'ByFilter', 'Tasks'],
  task: ['/containerd.services.tasks.v1.Tasks/Get', 'ById', 'OneTask'],
  pause: ['/containerd.services.tasks.v1.Tasks/Pause', 'ById', 'Empty'],
  resume: ['/containerd.services.tasks.v1.Tasks/Resume', 'ById', 'Empty'],
  kill: ['/containerd.services.tasks.v1.Tasks/Kill', 'KillTask', 'Empty'],
  /** Answered once the task has ended. */
  wait: ['/containerd.services.tasks.v1.Tasks/Wait', 'ById', 'Empty'],
  image: ['/containerd.services.images.v1.Images/Get', 'ByName', 'OneImage'],
} as const satisfies Record<string, readonly [string, MessageName, MessageName]>

type Method = keyof typeof methods
type Request<M extends Method> = Messages[(typeof methods)[M][1]]
type Answer<M extends Method> = Messages[(typeof methods)[M][2]]

class LateAnswer extends Error {}

/** Requests to containerd over its socket. Errors are those of gRPC, and one that {@link isLate}. */
export class ContainerdClient {
  readonly #client: Client

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': longestAnswer,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 3_000,
    })
  }

  ask<M extends Method>(
    method: M,
    namespace: string,
    request: Request<M>,
    withinMs = answerMs,
  ): Promise<Answer<M>> {
    const [path, from, to] = methods[method]
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        (fields: Request<M>) => encodeMessage(from, fields),
        (bytes: Buffer) => decodeMessage(to, bytes) as Answer<M>,
        request,
        inNamespace(namespace),
        (error, answer) => {
          clearTimeout(late)
          if (error !== null) reject(error)
          else if (answer === undefined) reject(new Error('an answer without a message'))
          else resolve(answer)
        },
      )
      // The engine would also get a deadline of gRPC, and may be the first to end the call: with an unknown error.
      const late = setTimeout(() => {
        reject(new LateAnswer(`no answer to \`${method}\` within ${withinMs} ms`))
        call.cancel()
      }, withinMs)
    })
  }

  /** A JSON document of an image, by its digest. */
  async document(namespace: string, digest: string): Promise<unknown> {
    const stream = this.#client.makeServerStreamRequest(
      '/containerd.services.content.v1.Content/Read',
      (fields: Messages['ByDigest']) => encodeMessage('ByDigest', fields),
      (bytes: Buffer) => decodeMessage('Content', bytes),
      { digest },
      inNamespace(namespace),
      { deadline: Date.now() + answerMs },
    )
    const parts: Uint8Array[] = []
    let size = 0
    for await (const { data } of stream as AsyncIterable<Messages['Content']>) {
      size += data.length
      if (size > longestContent) {
        stream.cancel()
        throw new Error(`the content \`${digest}\` is too long`)
      }
      parts.push(data)
    }
    return JSON.parse(Buffer.concat(parts).toString('utf8'))
  }

  /**
   * The events of all namespaces that one of the filters selects, or all without filters, until the signal aborts or
   * the engine ends the stream. The engine answers with the first event only, so an open stream shows nothing of it.
   */
  async *events(
    signal: AbortSignal,
    filters: readonly string[] = [],
  ): AsyncIterable<Messages['Envelope']> {
    const stream = this.#client.makeServerStreamRequest(
      '/containerd.services.events.v1.Events/Subscribe',
      (fields: Messages['Filters']) => encodeMessage('Filters', fields),
      (bytes: Buffer) => decodeMessage('Envelope', bytes),
      { filters },
    )
    const cancel = (): void => stream.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    try {
      yield* stream as AsyncIterable<Messages['Envelope']>
    } finally {
      signal.removeEventListener('abort', cancel)
      cancel()
    }
  }

  close(): void {
    this.#client.close()
  }
}

export function isNotFound(error: unknown): boolean {
  return hasCode(error, status.NOT_FOUND)
}

/** The runtime has no such service. */
export function isUnimplemented(error: unknown): boolean {
  return hasCode(error, status.UNIMPLEMENTED)
}

/** No answer came within the time. */
export function isLate(error: unknown): boolean {
  return error instanceof LateAnswer
}

function hasCode(error: unknown, code: status): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function inNamespace(namespace: string): Metadata {
  const metadata = new Metadata()
  if (namespace !== '') metadata.set('containerd-namespace', namespace)
  return metadata
}
