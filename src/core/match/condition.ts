import type { BehaviourRef } from '../behaviour/behaviour.ts'
import { serverPeer } from '../behaviour/dns-name.ts'
import type { ActEvent } from '../event/event.ts'
import type { Device } from '../event/event-words.ts'
import { globs, holders, type Matcher, texts } from './glob.ts'
import type { GuardrailCondition } from './rules-schema.ts'

/** Whether an unexpected behaviour of an event meets a condition. */
type ConditionTest = (ref: BehaviourRef, event: ActEvent) => boolean
type ExecCondition = Extract<GuardrailCondition, { kind: 'exec' }>
export type FileCondition = Extract<GuardrailCondition, { kind: 'file' }>

/** Rules with their conditions compiled, by the kind of event that these are about. Immutable. */
export class CompiledRules<R> {
  readonly #byKind = new Map<string, { readonly rule: R; readonly tests: ConditionTest[] }[]>()

  constructor(rules: Iterable<readonly [rule: R, when: readonly GuardrailCondition[]]>) {
    for (const [rule, when] of rules) {
      for (const kind of new Set(when.map((condition) => condition.kind))) {
        const tests = when.filter((condition) => condition.kind === kind).map(conditionTest)
        this.#byKind.set(kind, [...(this.#byKind.get(kind) ?? []), { rule, tests }])
      }
    }
  }

  /** Those of which a condition holds for one of the behaviours of the event. */
  holding(event: ActEvent, refs: readonly BehaviourRef[]): readonly R[] {
    const holding: R[] = []
    for (const { rule, tests } of this.#byKind.get(event.kind) ?? [])
      if (refs.some((ref) => tests.some((test) => test(ref, event)))) holding.push(rule)
    return holding
  }
}

function conditionTest(condition: GuardrailCondition): ConditionTest {
  const test = kindTest(condition)
  const { origin } = condition
  const actor = within(condition.actor)
  const except = globs(condition.exceptActor ?? [])
  return (ref, event) => {
    // Few events get past the first test, and the lists of actors are the longest.
    if (!isAmong(origin, ref.origin) || !test(ref, event) || !actor(ref.actor.exe)) return false
    // What was put in the place of such a program is none.
    const isReplaced = event.kind !== 'exec' && event.process.drift === true
    return isReplaced || !except(ref.actor.exe)
  }
}

function within(patterns: readonly string[] | undefined): Matcher {
  return patterns === undefined ? () => true : globs(patterns)
}

/** What a condition does not ask for holds. */
function isAmong<T>(asked: readonly T[] | undefined, value: T | undefined): boolean {
  return asked === undefined || (value !== undefined && asked.includes(value))
}

function agrees<T>(asked: T | undefined, value: T): boolean {
  return asked === undefined || asked === value
}

function kindTest(condition: GuardrailCondition): ConditionTest {
  switch (condition.kind) {
    case 'exec':
      return execTest(condition)
    case 'file':
      return fileTest(condition)
    case 'connect': {
      const peer = within(condition.peer)
      return (_ref, event) => {
        if (event.kind !== 'connect') return false
        const { protocol, port, address, name = address, serverName } = event.connect
        const isAsked = isAmong(condition.protocol, protocol) && isAmong(condition.port, port)
        if (!isAsked) return false
        return (
          peer(address) || peer(name) || (serverName !== undefined && peer(serverPeer(serverName)))
        )
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
        agrees(condition.asShipped, event.syscall.asShipped === true)
    }
    case 'capability':
      return (_ref, event) =>
        event.kind === 'capability' && condition.name.includes(event.capability.name)
    case 'identity':
      return (_ref, event) =>
        event.kind === 'identity' &&
        event.identity.to.uid === condition.toUid &&
        event.identity.from.uid !== condition.toUid &&
        isAmong(condition.through, event.identity.through ?? 'none')
  }
}

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

function execTest(condition: ExecCondition): ConditionTest {
  const path = within(condition.path)
  const name = within(condition.name)
  const { drift, driftKind, scriptDrift, socketStdio } = condition
  const hashes = condition.hash === undefined ? undefined : new Set(condition.hash)
  const asked = condition.arg === undefined ? undefined : texts(condition.arg)
  const excluded = condition.exceptArg === undefined ? undefined : texts(condition.exceptArg)
  return (_ref, event) => {
    if (event.kind !== 'exec') return false
    const { exec, process } = event
    const { script } = exec
    const isOfKind =
      agrees(drift, exec.drift) &&
      agrees(scriptDrift, exec.scriptDrift === true) &&
      agrees(socketStdio, process.socketStdio === true) &&
      agrees(condition.script, script !== undefined) &&
      isAmong(driftKind, exec.driftKind)
    if (!isOfKind || hashes?.has(exec.sha256 ?? '') === false) return false
    const own = lastSegment(exec.path)
    const { applet = own, words } = calledWith(exec.path, process.args)
    const isNamed =
      (path(exec.path) && (name(own) || name(applet))) ||
      (script !== undefined && path(script) && name(lastSegment(script)))
    if (!isNamed || (asked !== undefined && !words.some(asked))) return false
    return excluded === undefined || !words.some(excluded)
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
export function filesOf({
  path,
  exceptPath = [],
}: FileCondition): (path: string, usualMount?: string) => boolean {
  const included = globs(path)
  const excluded = globs(exceptPath)
  return (one, usualMount) =>
    namesOf(one, usualMount).some((name) => included(name) && !excluded(name))
}

function fileTest(condition: FileCondition): ConditionTest {
  const hit = filesOf(condition)
  const holds = holders(condition.path)
  // A folder that is moved takes what is in it along.
  const moves = (path: string): boolean => hit(path) || holds(path)
  const asks = new Set(condition.access)
  // A rename deletes the old name and writes the new one, by which the file can then be read.
  const isAway = asks.has('rename') || asks.has('read') || asks.has('delete')
  const isOnto = asks.has('rename') || asks.has('write')
  // A hard link: by its other name the file can be read and written, whichever of both is unexpected.
  const isLinked = asks.has('read') || asks.has('write') || asks.has('create')
  return ({ object }, event) => {
    if (object.kind !== 'file' || event.kind !== 'file') return false
    const { path, to, layer, shipped, device, usualMount } = event.file
    const isOfKind =
      agrees(condition.layer, layer) &&
      isAmong(condition.device, device as Device | undefined) &&
      agrees(condition.shipped, shipped === true)
    if (!isOfKind) return false
    if (object.access === 'rename')
      return (isAway && moves(path)) || (isOnto && to !== undefined && moves(to))
    if (to !== undefined && object.access !== 'create') return isLinked && hit(to)
    const isAsked = asks.has(object.access) || (asks.has('write') && object.access === 'create')
    return isAsked && hit(path, usualMount)
  }
}
