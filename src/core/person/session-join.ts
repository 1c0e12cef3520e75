import { runsCommand, type StartedProgram } from '../behaviour/command-run.ts'
import type { AuditedRequest } from './audited-request.ts'
import { assignments } from './assignments.ts'
import { type Person, type SessionPerson, unknown } from './session-person.ts'

/** A session as the kernel showed its begin. */
export interface SeenSession {
  /** Names it among all sessions of the node. */
  readonly key: string
  readonly namespace: string
  readonly pod: string
  /** Its name in the pod. */
  readonly container: string
  /** An ephemeral container is a session as a whole. */
  readonly isEphemeral: boolean
  /** Epoch milliseconds of its first event. */
  readonly beganMs: number
  /** Its first program; absent where that was not seen. */
  readonly program?: StartedProgram
  /** The agent observed all that began in the container around then. */
  readonly isWhole: boolean
}

/** The clocks of the node and of the API server may differ by this much. */
export const skewMs = 2_000
/** A runtime waits for the streams of the client after it answered, for 30 seconds by default. */
export const streamsMs = 30_000
/** A request that was refused is over by then, and the next one came. */
const repeatedMs = 1_000
/** An image may have to be pulled before an ephemeral container begins. */
export const ephemeralMs = 10 * 60_000
/** Sessions, and requests, of one moment that are compared with each other. */
export const joinedAtOnce = { sessions: 32, requests: 64 } as const

/**
 * Who began each session, by its key. A request begins one session at most, so what one session must have had is no
 * candidate for another. The order of sessions and requests does not matter.
 *
 * INVARIANT: a person is named only if every way to give each session a request of its own names this one.
 *
 * @param sessions of one pod
 * @param requests those that let somebody into this pod
 */
export function personsOf(
  sessions: readonly SeenSession[],
  requests: readonly AuditedRequest[],
): ReadonlyMap<string, SessionPerson> {
  const found = new Map<string, SessionPerson>()
  const served = requests.filter(({ code = 101 }) => code < 400)
  for (const session of sessions) {
    if (session.isEphemeral) found.set(session.key, ephemeralPerson(session, served))
  }
  const begun = sessions.filter(({ isEphemeral }) => !isEphemeral)
  const execs = served.filter(({ kind }) => kind === 'exec')
  const lasting = execs.filter((request) => !isRepeated(request, execs))
  for (const [key, person] of joinAll(begun, lasting)) found.set(key, person)
  if (lasting.length === execs.length) return found
  // Which of the refused ones began a session after all is not known.
  const doubtful = begun.map((session) => ({ ...session, isWhole: false }))
  for (const [key, person] of joinAll(doubtful, execs)) {
    if (lacksRequest(found.get(key))) found.set(key, person)
  }
  return found
}

function lacksRequest(person: SessionPerson | undefined): boolean {
  return person?.certainty === 'unknown' && ['no-request', 'more-sessions'].includes(person.why)
}

/** Whether its client asked again at once, as kubectl does where a WebSocket is refused. */
function isRepeated(request: AuditedRequest, all: readonly AuditedRequest[]): boolean {
  const { isGet, receivedMs, endedMs = Infinity } = request
  if (isGet !== true || endedMs - receivedMs > repeatedMs) return false
  return all.some(
    (other) =>
      other.isGet !== true &&
      other.receivedMs >= receivedMs &&
      other.receivedMs <= endedMs + repeatedMs &&
      askedOf(other) === askedOf(request),
  )
}

/** Who asked for what. */
function askedOf({ name, as, from, agent, container, command }: AuditedRequest): string {
  return JSON.stringify([name, as, from, agent, container, command])
}

function joinAll(
  begun: readonly SeenSession[],
  execs: readonly AuditedRequest[],
): readonly (readonly [string, SessionPerson])[] {
  const fits = begun.map((session) => execs.map((request) => fit(session, request)))
  return groupsOf(fits, execs.length).flatMap((group) => groupPersons(group, begun, execs, fits))
}

/** `maybe`: what is known of the command fits. */
type Fit = 'same' | 'maybe' | undefined

function fit(session: SeenSession, request: AuditedRequest): Fit {
  const { container, beganMs, program } = session
  if ((request.container ?? container) !== container) return undefined
  const { receivedMs, startedMs = receivedMs, endedMs = Infinity, command } = request
  const lastMs = Math.min(endedMs, Math.max(startedMs, receivedMs) + streamsMs) + skewMs
  if (beganMs < receivedMs - skewMs || beganMs > lastMs) return undefined
  if (program?.args === undefined) return 'maybe'
  if (request.commandCut !== true && program.argsCut !== true)
    return runsCommand(program, command) ? 'same' : undefined
  return program.script !== undefined || beginsAlike(program.args, command) ? 'maybe' : undefined
}

/** Whether these may be one command, where the end of one or both is not known. */
function beginsAlike(args: readonly string[], command: readonly string[]): boolean {
  const known = Math.min(args.length, command.length)
  return args.slice(0, known).every((arg, at) => {
    const other = command[at] ?? ''
    const isLast = at === known - 1
    return arg === other || (isLast && (arg.startsWith(other) || other.startsWith(arg)))
  })
}

interface Group {
  readonly sessions: readonly number[]
  readonly requests: readonly number[]
}

/** Sessions that share requests, however indirectly. */
function groupsOf(fits: readonly (readonly Fit[])[], requests: number): readonly Group[] {
  const byRequest = Array.from({ length: requests }, (_, request) =>
    fits.flatMap((row, session) => (row[request] === undefined ? [] : [session])),
  )
  const seen = new Set<number>()
  const groups: Group[] = []
  for (const first of fits.keys()) {
    if (seen.has(first)) continue
    seen.add(first)
    const sessions = [first]
    const joined = new Set<number>()
    for (const session of sessions) {
      for (const [request, one] of (fits[session] ?? []).entries()) {
        if (one === undefined || joined.has(request)) continue
        joined.add(request)
        for (const other of byRequest[request] ?? []) {
          if (seen.has(other)) continue
          seen.add(other)
          sessions.push(other)
        }
      }
    }
    groups.push({ sessions, requests: [...joined] })
  }
  return groups
}

function groupPersons(
  { sessions, requests }: Group,
  begun: readonly SeenSession[],
  execs: readonly AuditedRequest[],
  fits: readonly (readonly Fit[])[],
): readonly (readonly [string, SessionPerson])[] {
  const all = sessions.flatMap((session) => begun[session] ?? [])
  const give = (person: SessionPerson) => all.map(({ key }) => [key, person] as const)
  if (requests.length === 0) return give(unknown('no-request'))
  const { length } = requests
  if (sessions.length > length) return give(unknown('more-sessions', length))
  if (sessions.length > joinedAtOnce.sessions || length > joinedAtOnce.requests)
    return give(unknown('several-persons', length))
  const edges = sessions.map((session) =>
    requests.flatMap((request, at) => (fits[session]?.[request] === undefined ? [] : [at])),
  )
  const possible = assignments(edges, length)
  // Not all came by these requests, and which did is not known.
  if (possible === undefined) return give(unknown('more-sessions', length))
  const isWhole = all.every((session) => session.isWhole)
  return sessions.map((session, at) => {
    const left = (possible[at] ?? []).flatMap((each) => requests[each] ?? [])
    const isSame = left.every((request) => fits[session]?.[request] === 'same')
    const person = personOf(
      left.flatMap((request) => execs[request] ?? []),
      isWhole && isSame,
    )
    return [begun[session]?.key ?? '', person] as const
  })
}

/** What these requests have in common, where they are of one person. */
function personOf(requests: readonly AuditedRequest[], isCertain: boolean): SessionPerson {
  const candidates = requests.length
  const [first, ...others] = requests
  if (first === undefined) return unknown('no-request')
  const { name, as, from, agent, id } = first
  if (others.some((other) => other.name !== name || other.as !== as))
    return unknown('several-persons', candidates)
  const isFrom = from !== undefined && others.every((other) => other.from === from)
  const isBy = agent !== undefined && others.every((other) => other.agent === agent)
  const person: Person = {
    name,
    ...(as === undefined ? {} : { as }),
    ...(isFrom ? { from } : {}),
    ...(isBy ? { agent } : {}),
    ...(others.length === 0 ? { request: id } : {}),
  }
  return { ...person, certainty: isCertain ? 'certain' : 'likely', candidates }
}

/**
 * The first request that names an ephemeral container made it: nobody can change one. Where the log has no names, each
 * request shortly before may have.
 */
function ephemeralPerson(
  { container, beganMs, isWhole }: SeenSession,
  requests: readonly AuditedRequest[],
): SessionPerson {
  const before = requests.filter(
    ({ kind, receivedMs }) =>
      kind === 'ephemeral' && receivedMs <= beganMs + skewMs && receivedMs >= beganMs - ephemeralMs,
  )
  const naming = before.filter(({ adds }) => adds?.includes(container) === true)
  const unnamed = before.filter(({ adds }) => adds === undefined)
  const firstMs = Math.min(...naming.map(({ receivedMs }) => receivedMs))
  const first = naming.filter(({ receivedMs }) => receivedMs === firstMs)
  return personOf([...first, ...unnamed], isWhole && unnamed.length === 0)
}
