import { severities, type Severity } from '../event/alert-words.ts'
import type { ActEvent, ExecEvent } from '../event/event.ts'
import type { Device } from '../event/event-words.ts'
import type { GuardrailCondition, GuardrailRules } from './rules-schema.ts'
import type { BehaviourRef } from '../behaviour/behaviour.ts'
import { literalNames, globs, holders, type Matcher, texts } from './glob.ts'
import type { FiredGuardrail } from './verdict.ts'

/** Positive where `a` is graver than `b`. */
export function graver(a: Severity, b: Severity): number {
  return severities.indexOf(a) - severities.indexOf(b)
}

/** Whether an unexpected behaviour of an event meets a condition. */
export type ConditionTest = (ref: BehaviourRef, event: ActEvent) => boolean
type FileCondition = Extract<GuardrailCondition, { kind: 'file' }>

function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** One file of many programs: the name that it is called by says which of them runs. */
const manyNames: ReadonlySet<string> = new Set(['busybox', 'toybox', 'coreutils'])

/** The arguments without the program's own name, and the applet that runs, if it is one. */
function calledWith(
  path: string,
  args: readonly string[] = [],
): { readonly applet?: string; readonly words: readonly string[] } {
  if (!manyNames.has(lastSegment(path))) return { words: args.slice(1) }
  // `busybox wget …`: the applet is the next argument.
  const at = args.findIndex((arg) => !manyNames.has(lastSegment(arg)))
  const applet = args[at]
  return applet === undefined
    ? { words: [] }
    : { applet: lastSegment(applet), words: args.slice(at + 1) }
}

function execTest(
  condition: Extract<GuardrailCondition, { kind: 'exec' }>,
  within: (patterns: readonly string[] | undefined) => Matcher,
): ConditionTest {
  const path = within(condition.path)
  const name = within(condition.name)
  const { drift, driftKind, scriptDrift, socketStdio, script: isScript } = condition
  const hashes = condition.hash === undefined ? undefined : new Set(condition.hash)
  const asked = condition.arg === undefined ? undefined : texts(condition.arg)
  const excluded = condition.exceptArg === undefined ? undefined : texts(condition.exceptArg)
  return (_ref, event) => {
    if (event.kind !== 'exec') return false
    const { exec, process } = event
    if (hashes !== undefined && !hashes.has(exec.sha256 ?? '')) return false
    if (drift !== undefined && exec.drift !== drift) return false
    if (scriptDrift !== undefined && (exec.scriptDrift === true) !== scriptDrift) return false
    if (driftKind !== undefined) {
      if (exec.driftKind === undefined || !driftKind.includes(exec.driftKind)) return false
    }
    if (socketStdio !== undefined && (process.socketStdio === true) !== socketStdio) return false
    if (isScript !== undefined && (exec.script !== undefined) !== isScript) return false
    const own = lastSegment(exec.path)
    const isNamed =
      (path(exec.path) &&
        (name(own) ||
          (manyNames.has(own) && name(calledWith(exec.path, process.args).applet ?? '')))) ||
      (exec.script !== undefined && path(exec.script) && name(lastSegment(exec.script)))
    if (!isNamed) return false
    if (asked === undefined && excluded === undefined) return true
    const { words } = calledWith(exec.path, process.args)
    return (
      (asked === undefined || words.some(asked)) &&
      (excluded === undefined || !words.some(excluded))
    )
  }
}

/**
 * What the path of a file may be compared as. Of one in another mount namespace, or too long to report, the known part.
 * Where a file system of the kernel is mounted elsewhere, each end of the path, at the usual place.
 */
function namesOf(path: string, usualMount?: string): readonly string[] {
  const known = path.startsWith('…/') ? path.slice(1) : path
  if (usualMount === undefined || known.startsWith(`${usualMount}/`)) return [known]
  const parts = known.split('/')
  return [known, ...parts.map((_, i) => [usualMount, ...parts.slice(i + 1)].join('/'))]
}

/** The files that a condition is about. */
function filesOf({
  path,
  exceptPath,
}: FileCondition): (path: string, usualMount?: string) => boolean {
  const included = globs(path)
  const excluded = exceptPath === undefined ? () => false : globs(exceptPath)
  return (one, usualMount) =>
    namesOf(one, usualMount).some((name) => included(name) && !excluded(name))
}

function fileTest(condition: FileCondition): ConditionTest {
  const { access } = condition
  const hit = filesOf(condition)
  const holds = holders(condition.path)
  // A folder that is moved takes what is in it along.
  const moves = (path: string): boolean => hit(path) || holds(path)
  const writes = access.includes('write')
  const reads = access.includes('read')
  return (ref, event) => {
    if (ref.object.kind !== 'file' || event.kind !== 'file') return false
    const { path, to, layer, shipped, device, usualMount } = event.file
    if (condition.layer !== undefined && condition.layer !== layer) return false
    if (condition.device?.includes(device as Device) === false) return false
    if (condition.shipped !== undefined && (shipped === true) !== condition.shipped) return false
    if (ref.object.access === 'rename') {
      if (access.includes('rename')) return moves(path) || (to !== undefined && moves(to))
      // A rename deletes the old name and writes the new one, by which the file can then be read.
      return (
        ((reads || access.includes('delete')) && moves(path)) ||
        (writes && to !== undefined && moves(to))
      )
    }
    // A hard link: by its other name the file can be read and written, whichever of both is unexpected.
    if (to !== undefined && ref.object.access !== 'create') {
      return (reads || writes || access.includes('create')) && hit(to)
    }
    const asked = access.includes(ref.object.access) || (writes && ref.object.access === 'create')
    return asked && hit(path, usualMount)
  }
}

function kindTest(condition: GuardrailCondition): ConditionTest {
  const within = (patterns: readonly string[] | undefined): Matcher =>
    patterns === undefined ? () => true : globs(patterns)
  switch (condition.kind) {
    case 'exec':
      return execTest(condition, within)
    case 'file':
      return fileTest(condition)
    case 'connect': {
      const peer = within(condition.peer)
      const { protocol, port } = condition
      return (_ref, event) => {
        if (event.kind !== 'connect') return false
        const { connect } = event
        if (protocol !== undefined && !protocol.includes(connect.protocol)) return false
        if (port !== undefined && !port.includes(connect.port)) return false
        return peer(connect.address) || (connect.name !== undefined && peer(connect.name))
      }
    }
    case 'listen':
      return (_ref, event) => event.kind === 'listen' && condition.port.includes(event.listen.port)
    case 'syscall': {
      const target = condition.target === undefined ? undefined : texts(condition.target)
      return (_ref, event) =>
        event.kind === 'syscall' &&
        condition.name.includes(event.syscall.name) &&
        target?.(event.syscall.target ?? '') !== false &&
        (condition.asShipped === undefined ||
          condition.asShipped === (event.syscall.asShipped === true))
    }
    case 'capability':
      return (_ref, event) =>
        event.kind === 'capability' && condition.name.includes(event.capability.name)
    case 'identity':
      return (_ref, event) =>
        event.kind === 'identity' &&
        event.identity.to.uid === condition.toUid &&
        event.identity.from.uid !== condition.toUid &&
        condition.through?.includes(event.identity.through ?? 'none') !== false
  }
}

/** Compiles a condition. */
export function conditionTest(condition: GuardrailCondition): ConditionTest {
  const test = kindTest(condition)
  const { origin } = condition
  const actor = condition.actor === undefined ? undefined : globs(condition.actor)
  const except = condition.exceptActor === undefined ? undefined : globs(condition.exceptActor)
  return (ref, event) => {
    if (origin !== undefined && !origin.includes(ref.origin)) return false
    // Few events get past the first test, and the lists of actors are the longest.
    if (!test(ref, event)) return false
    if (actor !== undefined && !actor(ref.actor.exe)) return false
    // What was put in the place of such a program is none.
    const isReplaced = event.kind !== 'exec' && event.process.drift === true
    return isReplaced || except?.(ref.actor.exe) !== true
  }
}

/** What may be mapped as code is no reason to guard a file against being read. */
function isAboutContent({ access, device }: FileCondition): boolean {
  return device === undefined && access.some((one) => one !== 'exec')
}

interface CompiledGuardrail {
  readonly fired: FiredGuardrail
  readonly novel: boolean
  readonly tests: readonly ConditionTest[]
  /** Those of them that ask for a hash. */
  readonly byHash: readonly ConditionTest[]
}

function asksForHash(condition: GuardrailCondition | undefined): boolean {
  return condition?.kind === 'exec' && condition.hash !== undefined
}

const NONE: readonly FiredGuardrail[] = []

function conditionsOf({ guardrails }: GuardrailRules): readonly GuardrailCondition[] {
  return guardrails.flatMap(({ when }) => when)
}

/** Whether a guardrail covers writing to the path or connecting to it, by any actor. */
export function guardedFiles(rules: GuardrailRules): (path: string) => boolean {
  const hits = conditionsOf(rules).flatMap((condition) => {
    if (condition.kind === 'connect') return [globs(socketsIn(condition))]
    return condition.kind === 'file' && isWritten(condition) ? [filesOf(condition)] : []
  })
  return (path) => hits.some((hit) => hit(path))
}

/** Names that the guarded unix sockets end in: `docker.sock`. */
export function guardedSockets(rules: GuardrailRules): readonly string[] {
  const paths = conditionsOf(rules).flatMap((condition) =>
    condition.kind === 'connect' ? socketsIn(condition) : [],
  )
  return literalNames(paths)
}

function socketsIn({
  peer = [],
}: Extract<GuardrailCondition, { kind: 'connect' }>): readonly string[] {
  return peer.filter((one) => one.startsWith('/'))
}

/** A device is guarded by what it is, under any name: that keeps no file out of a place. */
function isWritten({ access, device }: FileCondition): boolean {
  return device === undefined && access.some((one) => one === 'write' || one === 'create')
}

/** The guardrails, compiled. Immutable. Applied only to unexpected behaviours. */
export class Guardrails {
  readonly #byKind = new Map<string, CompiledGuardrail[]>()
  readonly #guarded: readonly Matcher[]
  readonly #capabilities: ReadonlySet<string>
  readonly #programs: ReadonlySet<string>

  constructor(rules: GuardrailRules) {
    const conditions = conditionsOf(rules)
    this.#programs = new Set(
      rules.guardrails.filter(({ programs }) => programs === true).map(({ id }) => id),
    )
    this.#capabilities = new Set(
      conditions.flatMap((condition) => (condition.kind === 'capability' ? condition.name : [])),
    )
    this.#guarded = conditions.flatMap((condition) =>
      condition.kind === 'file' && isAboutContent(condition) ? [filesOf(condition)] : [],
    )
    for (const { when, novel = false, id, title, severity, attack, why } of rules.guardrails) {
      const fired = Object.freeze({ id, title, severity, attack, why })
      for (const kind of new Set(when.map((condition) => condition.kind))) {
        const conditions = when.filter((condition) => condition.kind === kind)
        const tests = conditions.map(conditionTest)
        const byHash = tests.filter((_, at) => asksForHash(conditions[at]))
        const list = this.#byKind.get(kind) ?? []
        list.push({ fired, novel, tests, byHash })
        this.#byKind.set(kind, list)
      }
    }
  }

  /** Whether a guardrail protects the file, regardless of actor and access. */
  guards(path: string): boolean {
    return this.#guarded.some((matches) => matches(path))
  }

  /** Whether a guardrail is about the capability, by any actor. */
  guardsCapability(name: string): boolean {
    return this.#capabilities.has(name)
  }

  /** Whether the guardrail is about which programs there are. */
  isOfPrograms(id: string): boolean {
    return this.#programs.has(id)
  }

  /** What fires on one behaviour of an event, gravest first. */
  fired(ref: BehaviourRef, event: ActEvent, learning: boolean): readonly FiredGuardrail[] {
    let fired: FiredGuardrail[] | undefined
    for (const guardrail of this.#byKind.get(event.kind) ?? []) {
      if (learning && guardrail.novel) continue
      if (!guardrail.tests.some((test) => test(ref, event))) continue
      fired ??= []
      fired.push(guardrail.fired)
    }
    return fired?.sort((a, b) => graver(b.severity, a.severity)) ?? NONE
  }

  /** What fires on the content of what was executed, whether or not the profile expects it; gravest first. */
  firedByHash(ref: BehaviourRef, event: ExecEvent): readonly FiredGuardrail[] {
    const all = this.#byKind.get('exec') ?? []
    const fired = all.filter(({ byHash }) => byHash.some((test) => test(ref, event)))
    return fired.map((one) => one.fired).sort((a, b) => graver(b.severity, a.severity))
  }
}
