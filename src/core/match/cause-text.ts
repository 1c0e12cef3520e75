import type { AlertBehaviour, AlertCause, AlertComponentPart } from '../event/alert.ts'
import { causeAccesses, type CauseAccess } from '../event/alert-words.ts'
import { isOfFiles } from './cause.ts'

interface Words {
  readonly verb: string
  /** Of a component, before the number of its places. */
  readonly does: string
  readonly thing: string
  readonly things: string
  /** Where an alert stands for many places; absent: `things`. */
  readonly wide?: string
}

const inFolders = { thing: 'folder', things: 'folders' }

const wordsOf: Readonly<Record<CauseAccess, Words>> = {
  read: { verb: 'read', does: 'reads files in', ...inFolders },
  change: { verb: 'change', does: 'changes files in', ...inFolders },
  map: { verb: 'map for execution', does: 'maps code in', ...inFolders },
  run: { verb: 'run', does: 'runs', thing: 'program', things: 'programs', wide: 'commands' },
  connect: { verb: 'connect to', does: 'connects to', thing: 'peer', things: 'peers' },
  listen: { verb: 'listen on', does: 'listens on', thing: 'address', things: 'addresses' },
  identity: {
    verb: 'change identity,',
    does: 'makes',
    thing: 'change of identity',
    things: 'changes of identity',
    wide: 'changes',
  },
  capability: { verb: 'use', does: 'uses', thing: 'capability', things: 'capabilities' },
  syscall: { verb: 'call', does: 'calls', thing: 'system call', things: 'system calls' },
}

/** One line for what several behaviours have in common: `change 312 files in /var/jobs/`. */
export function causeLine(
  cause: Pick<
    AlertCause,
    'access' | 'place' | 'names' | 'wide' | 'component' | 'firstRun' | 'instance'
  >,
): string {
  const { access, place, names, wide, component, firstRun, instance } = cause
  if (component !== undefined) {
    const what = firstRun === true ? `first run of ${place}` : 'new in this version'
    return `${what}: ${componentActs(component)}`
  }
  const { verb, things, wide: many = things } = wordsOf[access]
  const number = names.toLocaleString('en')
  if (isOfFiles(access)) {
    const files = `${number} ${names === 1 ? 'file' : 'files'}`
    if (instance !== undefined) return `${verb} ${files} below ${instance}, as in a folder beside`
    return wide === true
      ? `${verb} ${files} in several folders below ${place}`
      : `${verb} ${files} in ${place}`
  }
  if (wide === true) return `${verb} ${number} ${many}`
  return names === 1 ? `${verb} ${place}` : `${verb} ${place} in ${number} ways`
}

/** `runs 2 programs, changes files in 1 folder, connects to 1 peer`. */
export function componentActs(
  parts: readonly Pick<AlertComponentPart, 'access' | 'place'>[],
): string {
  const places = new Map<CauseAccess, Set<string>>()
  for (const { access, place } of parts) {
    places.set(access, (places.get(access) ?? new Set()).add(place))
  }
  const acts = causeAccesses.flatMap((access) => {
    const number = places.get(access)?.size ?? 0
    if (number === 0) return []
    const { does, thing, things } = wordsOf[access]
    return [`${does} ${number.toLocaleString('en')} ${number === 1 ? thing : things}`]
  })
  return acts.join(', ')
}

/** `latest`: its latest act. */
export function componentReason(
  {
    place,
    component = [],
    firstRun,
  }: Pick<AlertCause, 'place' | 'component'> & { readonly firstRun: true | undefined },
  latest: Pick<AlertBehaviour, 'text'>,
): string {
  const what = firstRun === true ? 'did not run during the window' : 'is new in this version'
  return `\`${place}\` ${what}: ${componentActs(component)}; the latest: ${latest.text}`
}
