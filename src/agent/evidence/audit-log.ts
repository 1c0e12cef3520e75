import { setTimeout as delay } from 'node:timers/promises'
import {
  type AuditedRequest,
  auditedRequest,
  mayBeRequest,
} from '../../core/person/audited-request.ts'
import { describeError, SnugError } from '../../errors.ts'
import { EventLineParser, type ParsedLines } from '../pipeline/sources/event-lines.ts'
import { FollowedFile, type FilePart, placeBeforeEnd } from '../pipeline/sources/follow-file.ts'

export interface AuditLogOptions {
  readonly path: string
  readonly take: (request: AuditedRequest) => void
  /** Why the file cannot be read; undefined: it can, or this node never had it. */
  readonly fault: (message: string | undefined) => void
}

/** Of no log. */
export const noLines = { request: 0, other: 0, unreadable: 0 } as const
/** Of a file that is there at the start, the end has what concerns sessions of now. */
const readAtStart = 16 * 1_048_576
const retryMs = 1_000

/** Follows the audit log of a Kubernetes API server. Nothing in it stops the agent. */
export class AuditLog {
  /** Lines by what they are. */
  readonly counts: Record<keyof typeof noLines, number> = { ...noLines }
  /** Whether it is there. */
  isReadable = false
  #wasThere = false
  readonly #options: AuditLogOptions

  #parser = new EventLineParser((line) => this.#line(line))

  constructor(options: AuditLogOptions) {
    this.#options = options
  }

  /** Until the signal aborts. Never rejects. */
  async follow(signal: AbortSignal): Promise<void> {
    const { path } = this.#options
    while (!signal.aborted) {
      const file = new FollowedFile(path)
      try {
        const from = await placeBeforeEnd(path, readAtStart)
        for await (const part of file.parts(signal, from)) this.#take(part)
      } catch (error) {
        // Of a cluster, most nodes have no API server.
        const isAbsent = !this.#wasThere && (error as NodeJS.ErrnoException).code === 'ENOENT'
        this.#is(isAbsent ? undefined : describeError(error), false)
      } finally {
        await file.close()
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined)
    }
  }

  #take(part: FilePart): void {
    const { path } = this.#options
    const isGone = part.kind === 'gone'
    this.#is(isGone ? `there is no file \`${path}\` for now` : undefined, !isGone)
    if (part.kind === 'bytes') this.#rejected(this.#parser.push(part.bytes))
    if (part.kind !== 'turn') return
    this.#rejected(this.#parser.end())
    this.#parser = new EventLineParser((line) => this.#line(line))
  }

  #is(fault: string | undefined, isReadable: boolean): void {
    this.isReadable = isReadable
    this.#wasThere ||= isReadable
    this.#options.fault(fault)
  }

  #rejected({ rejectedCount }: ParsedLines): void {
    this.counts.unreadable += rejectedCount
  }

  #line(line: string): void {
    const request = mayBeRequest(line) ? requestOf(line) : 'other'
    if (request === 'unreadable') throw new SnugError('EVENT_INVALID', 'no event of an audit log')
    if (request === 'other') {
      this.counts.other += 1
      return
    }
    this.counts.request += 1
    this.#options.take(request)
  }
}

function requestOf(line: string): ReturnType<typeof auditedRequest> {
  try {
    return auditedRequest(JSON.parse(line))
  } catch {
    return 'unreadable'
  }
}
