import { SnugError } from '../../errors.ts'
import {
  type Actor,
  behaviourId,
  behaviourKey,
  type BehaviourObject,
  runtime,
} from '../../core/behaviour/behaviour.ts'
import { isPattern, shapedSubject } from '../../core/behaviour/subject.ts'
import { accountOf, type User, userText } from '../../core/behaviour/user.ts'
import { canonicalPath } from '../../core/event/canonical.ts'
import type { ImageRef } from '../../core/event/event.ts'
import type { Access, Origin } from '../../core/event/event-words.ts'
import { fromShipped, type Grant, type ProfileEntry } from '../../core/profile/profile-entry.ts'
import type { ProfileDocument } from '../export/profile-document.ts'
import { connectsTo } from './shipped-peers.ts'
import { isLiteral, shapedPaths } from './shipped-paths.ts'
import type { ShippedProfile, ShippedSpec } from './shipped-profile.ts'

/** The profile holds each object for each program and user: more is no profile of one container. */
export const mostShipped = 100_000

/** Kubescape does not distinguish them; an exec session never counts as the service. */
const origins: readonly Origin[] = ['entrypoint', 'init', 'probe']

export interface ShippedPrior {
  readonly document: ProfileDocument
  /** What the format does not carry, or this import does not take. */
  readonly notes: readonly string[]
}

/**
 * A shipped profile as the prior of an image: expected from the first event, without evidence. The format has no
 * actors and no users, so each of its programs may do everything in it, as each of these users.
 *
 * Errors: `PROFILE_INVALID` where it names no program, or too much
 */
export function shippedPrior(
  { name, signed, spec }: ShippedProfile,
  image: ImageRef,
  users: readonly User[],
): ShippedPrior {
  const runs = runsOf(spec)
  if (runs.length === 0) {
    throw invalid('`execs` names no program by its full path: who does the rest is unknown')
  }
  const connects = spec.egress.map(connectsTo)
  const acts: readonly BehaviourObject[] = [
    ...runs,
    ...spec.opens.flatMap(fileActs),
    ...spec.capabilities.map((capability) => ({ kind: 'capability', name: capability }) as const),
    ...connects.flatMap((each) => each ?? []),
  ]
  const actors = actorsOf(runs)
  const size = users.length * (actors.length * acts.length + runs.length)
  if (size > mostShipped) {
    throw invalid(`it makes ${size} behaviours, at most ${mostShipped} are taken`)
  }
  const entries = new Map<string, ProfileEntry>()
  const from = fromShipped(name)
  for (const uid of new Set(users.map((user) => (user === 'declared' ? user : accountOf(user))))) {
    for (const actor of [runtime, ...actors]) {
      for (const object of actor === runtime ? runs : acts) {
        const entry = entryOf(actor, uid, object, from)
        entries.set(entry.id, entry)
      }
    }
  }
  const isWhole = connects.length > 0 && !connects.includes(undefined)
  const document: ProfileDocument = {
    schema: 'snug.profile/v1',
    image,
    behaviours: [...entries.values()].sort((a, b) => (a.id < b.id ? -1 : 1)),
    observed: ['exec', 'file', ...(isWhole ? (['connect'] as const) : []), 'capability'],
    prior: { name },
  }
  return {
    document,
    notes: notesOf(spec, {
      signed,
      users,
      lost: connects.filter((each) => each === undefined).length,
    }),
  }
}

type Run = Extract<BehaviourObject, { kind: 'exec' }>

function runsOf({ execs, opens }: ShippedSpec): readonly Run[] {
  const read = new Set(opens.map(({ path }) => path))
  const found = new Map<string, Run>()
  for (const { path, args } of execs) {
    if (!isLiteral(path)) continue
    const [first = ''] = args
    // The name of a script stands where the program's own name does; only a script is opened as well.
    const isScript = first !== path && isLiteral(first) && read.has(first)
    const script = isScript ? { script: canonicalPath(first) } : {}
    const run: Run = { kind: 'exec', path: canonicalPath(path), ...script }
    found.set(JSON.stringify(run), run)
  }
  return [...found.values()]
}

/** Each program, and each script in it. */
function actorsOf(runs: readonly Run[]): readonly Actor[] {
  const found = new Map<string, Actor>()
  for (const { path, script } of runs) {
    found.set(path, { exe: path })
    if (script !== undefined) found.set(`${path}\0${script}`, { exe: path, script })
  }
  return [...found.values()]
}

function fileActs({ path, flags }: ShippedSpec['opens'][number]): readonly BehaviourObject[] {
  return shapedPaths(path).flatMap((shaped) =>
    accessesOf(new Set(flags)).map((access) => ({ kind: 'file', access, path: shaped }) as const),
  )
}

/**
 * To open for reading is 0, and so no flag at all. Who creates a file may delete it and change its attributes, as in
 * places that Snug learns.
 */
function accessesOf(flags: ReadonlySet<string>): readonly Access[] {
  const writes = ['O_WRONLY', 'O_RDWR', 'O_TRUNC', 'O_APPEND'].some((flag) => flags.has(flag))
  const creates = flags.has('O_CREAT') || flags.has('O_TMPFILE')
  return [
    ...(flags.has('O_WRONLY') && !flags.has('O_RDONLY') && !flags.has('O_RDWR')
      ? []
      : (['read'] as const)),
    ...(writes ? (['write'] as const) : []),
    ...(creates ? (['create', 'delete', 'setattr'] as const) : []),
  ]
}

function entryOf(actor: Actor, uid: User, object: BehaviourObject, from: string): ProfileEntry {
  const template = isPattern(object) ? shapedSubject(object) : undefined
  const witnesses =
    template === undefined ? {} : { witnesses: { literals: [template], places: [] } }
  const grants: readonly Grant[] = origins.map((origin) => ({ origin, ...witnesses }))
  const id = behaviourId(behaviourKey(actor, uid, object))
  const inherited = { from, grants }
  return { schema: 'snug.behaviour/v1', id, actor, uid, object, cells: [], inherited }
}

interface Circumstances {
  readonly signed: boolean
  readonly users: readonly User[]
  /** Neighbours that were not taken. */
  readonly lost: number
}

function notesOf(spec: ShippedSpec, { signed, users, lost }: Circumstances): readonly string[] {
  const { execs, opens, syscalls, endpoints, ingress, egress, rulePolicies } = spec
  const unknown = execs.filter(({ path }) => !isLiteral(path)).length
  const relative = opens.filter(({ path }) => !path.startsWith('/')).length
  const deep = opens.some(({ path }) => path.split('/').includes('*'))
  const rest = [
    ...(syscalls.length > 0 ? ['system calls'] : []),
    ...(endpoints.length > 0 ? ['HTTP endpoints'] : []),
    ...(ingress.length > 0 ? ['ingress'] : []),
    ...(Object.keys(rulePolicies ?? {}).length > 0 ? ['exceptions of rules'] : []),
  ]
  return [
    `the format has no users and no actors: each of its programs may do all of it, as ${users.map(userText).join(', ')}`,
    'the format has no changes of user, no listening, and no files that are removed or renamed',
    'arguments of programs are not taken: each program may have any',
    ...(egress.length === 0 || lost > 0
      ? ['connections are not judged by it until the agent has observed some itself']
      : []),
    ...(lost > 0
      ? [`${lost} of its peers are not taken: known by labels, without a port, or with a wildcard`]
      : []),
    ...(unknown > 0 ? [`${unknown} of its programs are not taken: their paths are not whole`] : []),
    ...(relative > 0 ? [`${relative} of its files are not taken: their paths are not whole`] : []),
    ...(deep ? ['`*` stands for up to six folders within folders'] : []),
    ...(rest.length > 0 ? [`${rest.join(', ')} are not taken`] : []),
    ...(signed ? ['its signature was not verified'] : []),
  ]
}

function invalid(message: string): SnugError {
  return new SnugError('PROFILE_INVALID', message)
}
