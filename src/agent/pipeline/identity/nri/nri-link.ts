import { once } from 'node:events'
import { connect } from 'node:net'
import { describeError, SnugError } from '../../../../errors.ts'
import { connections, encodeFrame, MuxReader } from './mux.ts'
import {
  decodeMessage,
  encodeMessage,
  type Messages,
  type NriContainer,
  type NriPod,
} from './nri-messages.ts'
import { encodeTtrpc, type TtrpcMessage, TtrpcReader } from './ttrpc.ts'

/** A container, or a pod's sandbox, whose `container` is empty. */
export interface NriSubject {
  /** 64 hex digits. */
  readonly id: string
  /** As the kubelet names the pod to the runtime: its uid, or for a static pod the hash of its manifest. */
  readonly pod: string
  readonly container: string
}

export interface NriHandlers {
  /** All that the runtime has; it comes once, first. */
  readonly present: (subjects: readonly NriSubject[]) => void
  /** It exists, and does not run. */
  readonly created: (subject: NriSubject) => void
  /**
   * The runtime starts it once the promise resolves, and not at all if it rejects. It waits `patienceMs`; 0 where it
   * does not report that.
   */
  readonly starting: (subject: NriSubject, patienceMs: number) => Promise<void>
  readonly removed: (id: string) => void
}

export interface NriLinkOptions {
  readonly socket: string
  readonly handlers: NriHandlers
  readonly signal: AbortSignal
}

const service = 'nri.pkg.api.v1alpha1'
/** Plugins are called in the order of these numbers. This one changes nothing, and comes after those that do. */
const index = '90'
/** The runtime registers and configures plugins one after another, each within seconds. */
const registrationMs = 30_000

const events = {
  runSandbox: 1,
  removeSandbox: 3,
  postCreate: 5,
  start: 6,
  removeContainer: 11,
} as const
const mask = Object.values(events).reduce((bits, event) => bits | (1 << (event - 1)), 0)
/** The methods of newer runtimes. */
const methods: Readonly<Record<string, number>> = {
  RunPodSandbox: events.runSandbox,
  RemovePodSandbox: events.removeSandbox,
  PostCreateContainer: events.postCreate,
  StartContainer: events.start,
  RemoveContainer: events.removeContainer,
}
const stoppedState = 4

/** Codes of gRPC. */
const codes = { unknown: 2, unimplemented: 12 } as const

/**
 * One connection to the runtime, as a plugin of its Node Resource Interface. Ends when the runtime closes it, or the
 * signal aborts.
 *
 * Errors: `NRI_PROTOCOL` for what is not of the protocol, `NRI_REFUSED` if the runtime does not take the plugin, and
 * those of the socket.
 */
export async function linkToNri({ socket, handlers, signal }: NriLinkOptions): Promise<void> {
  const trunk = connect(socket)
  // Reading reports it; an answer that comes after the end has no reader.
  trunk.on('error', () => undefined)
  const end = (): void => void trunk.destroy()
  signal.addEventListener('abort', end, { once: true })
  const session = new NriSession(handlers, (bytes) => {
    if (trunk.writable) trunk.write(bytes)
  })
  // A runtime that accepts the connection and does nothing would otherwise look like a quiet one.
  const patience = setTimeout(() => {
    if (!session.isReady) trunk.destroy(new SnugError('NRI_REFUSED', 'the runtime does not answer'))
  }, registrationMs)
  try {
    await once(trunk, 'connect', { signal })
    session.register()
    for await (const chunk of trunk) session.read(chunk as Buffer)
  } catch (error) {
    // A runtime that ends may leave something unread.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error
  } finally {
    clearTimeout(patience)
    signal.removeEventListener('abort', end)
    trunk.destroy()
  }
}

/** What one connection says, without the socket. */
export class NriSession {
  readonly #handlers: NriHandlers
  readonly #write: (bytes: Buffer) => void
  readonly #mux = new MuxReader()
  readonly #readers = new Map<number, TtrpcReader>([
    [connections.plugin, new TtrpcReader()],
    [connections.runtime, new TtrpcReader()],
  ])
  readonly #present: NriSubject[] = []
  #isReady = false

  constructor(handlers: NriHandlers, write: (bytes: Buffer) => void) {
    this.#handlers = handlers
    this.#write = write
  }

  /** The runtime has sent all that it has. */
  get isReady(): boolean {
    return this.#isReady
  }

  register(): void {
    const data = encodeMessage('Request', {
      service: `${service}.Runtime`,
      method: 'RegisterPlugin',
      payload: encodeMessage('RegisterPlugin', { pluginName: 'snug', pluginIdx: index }),
      timeoutNano: 0,
    })
    this.#send(connections.runtime, { stream: 1, type: 'request', data })
  }

  /** Errors: `NRI_PROTOCOL` and `NRI_REFUSED`; the connection is unusable afterwards. */
  read(chunk: Buffer): void {
    for (const { connection, payload } of this.#mux.push(chunk)) {
      for (const message of this.#readers.get(connection)?.push(payload) ?? []) {
        if (connection === connections.plugin) this.#asked(message)
        else answered(message)
      }
    }
  }

  #asked({ stream, type, data }: TtrpcMessage): void {
    if (type !== 'request') throw new SnugError('NRI_PROTOCOL', 'an answer that was not asked for')
    const request = decodeMessage('Request', data)
    const answer = request.service === `${service}.Plugin` ? this.#answer(request) : undefined
    if (answer === undefined) {
      const message = `no method \`${request.method.slice(0, 100)}\``
      this.#refuse(stream, codes.unimplemented, message)
      return
    }
    if (Buffer.isBuffer(answer)) this.#respond(stream, answer)
    else {
      answer.then(
        () => this.#respond(stream, empty),
        (error: unknown) => this.#refuse(stream, codes.unknown, describeError(error)),
      )
    }
  }

  #answer({
    method,
    payload,
    timeoutNano,
  }: Messages['Request']): Buffer | Promise<void> | undefined {
    const patienceMs = timeoutNano / 1_000_000
    switch (method) {
      case 'Configure':
        return encodeMessage('Configured', { events: mask })
      case 'Synchronize':
        return this.#synchronized(decodeMessage('Synchronize', payload))
      case 'Shutdown':
        return empty
      case 'StateChange': {
        const { event, ...change } = decodeMessage('StateChange', payload)
        return this.#changed(event, change, patienceMs)
      }
      default: {
        const event = methods[method]
        if (event === undefined) return undefined
        return this.#changed(event, decodeMessage('Change', payload), patienceMs)
      }
    }
  }

  #synchronized({ pods, containers, more }: Messages['Synchronize']): Buffer {
    const uids = new Map(pods.map(({ id, uid }) => [id, uid]))
    for (const { id, uid } of pods) this.#present.push({ id, pod: uid, container: '' })
    for (const container of containers) {
      const pod = uids.get(container.podSandboxId)
      if (pod === undefined || container.state === stoppedState) continue
      this.#present.push({ id: container.id, pod, container: container.name })
    }
    if (!more) {
      this.#isReady = true
      this.#handlers.present(this.#present.splice(0).filter(isSubject))
    }
    return encodeMessage('Synchronized', { more })
  }

  #changed(
    event: number,
    { pod, container }: Messages['Change'],
    patienceMs: number,
  ): Buffer | Promise<void> {
    const { created, starting, removed } = this.#handlers
    const isOfPod = event === events.runSandbox || event === events.removeSandbox
    const subject = isOfPod ? sandboxOf(pod) : containerOf(pod, container)
    switch (event) {
      case events.runSandbox:
      case events.start:
        return subject === undefined ? empty : starting(subject, patienceMs)
      case events.postCreate:
        if (subject !== undefined) created(subject)
        return empty
      case events.removeSandbox:
      case events.removeContainer:
        if (subject !== undefined) removed(subject.id)
        return empty
      default:
        return empty
    }
  }

  #respond(stream: number, payload: Buffer): void {
    const data = encodeMessage('Response', { payload })
    this.#send(connections.plugin, { stream, type: 'response', data })
  }

  #refuse(stream: number, code: number, text: string): void {
    const message = text.slice(0, longestReason)
    const data = encodeMessage('Response', { status: { code, message }, payload: empty })
    this.#send(connections.plugin, { stream, type: 'response', data })
  }

  #send(connection: number, message: TtrpcMessage): void {
    this.#write(encodeFrame(connection, encodeTtrpc(message)))
  }
}

const empty = Buffer.alloc(0)
/** Characters: the runtime reads a frame into a buffer of 4 KiB. */
const longestReason = 500

/** The one request was the registration. */
function answered({ type, data }: TtrpcMessage): void {
  if (type !== 'response') throw new SnugError('NRI_PROTOCOL', 'a request on the wrong connection')
  const { status } = decodeMessage('Response', data)
  const { code = 0, message = '' } = status ?? {}
  if (code !== 0) throw new SnugError('NRI_REFUSED', `the runtime refused the plugin: ${message}`)
}

function sandboxOf(pod: NriPod | null): NriSubject | undefined {
  return pod === null ? undefined : valid({ id: pod.id, pod: pod.uid, container: '' })
}

function containerOf(pod: NriPod | null, container: NriContainer | null): NriSubject | undefined {
  if (pod === null || container === null) return undefined
  return valid({ id: container.id, pod: pod.uid, container: container.name })
}

function valid(subject: NriSubject): NriSubject | undefined {
  return isSubject(subject) ? subject : undefined
}

function isSubject({ id }: NriSubject): boolean {
  return /^[0-9a-f]{64}$/.test(id)
}
