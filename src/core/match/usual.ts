import type { BehaviourObject, BehaviourRef } from '../behaviour/behaviour.ts'
import { type PathPattern, SUBJECT_TO } from '../behaviour/language.ts'
import { isPlace, NAME } from '../behaviour/place-pattern.ts'
import { drawnByKernel, holdsPort } from '../behaviour/ports.ts'
import { literalPath } from '../behaviour/shape.ts'
import { accountOf } from '../behaviour/user.ts'
import type { UserIds } from '../event/event.ts'
import type { PlaceClass } from '../event/alert-risk.ts'
import type { Allowance } from '../profile/allowance.ts'
import type { ProfileReader } from '../profile/profile-reader.ts'
import { isBeside, variedAbove } from './beside.ts'
import { folderOfPath, isHarmfulKind, nameKind } from './place-class.ts'
import { isAsSiblings } from './siblings.ts'

type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/** At most this many behaviours of one actor are compared, to bound the cost of a deviation. */
export const LOOKED_AT = 2048

/**
 * Capabilities that root needs for files of others. The files themselves are behaviours, so which of these a program
 * needs says little.
 */
export const forFiles: ReadonlySet<string> = new Set([
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
])

/** The profile has the actor, as this user, do the same kind of thing there. */
export function isUsual(
  profile: ProfileReader | undefined,
  ref: BehaviourRef,
  place: PlaceClass,
): boolean {
  if (profile === undefined) return false
  const { object } = ref
  if (isAsSiblings(profile, ref)) return true
  if (object.kind === 'file') {
    return (
      place === 'data' &&
      (isOwn(profile, ref, object) ||
        goesAnyway(profile, ref, object) ||
        isInClearedTree(profile, ref, object) ||
        isRotation(profile, ref, object) ||
        isUsualChange(profile, ref, object) ||
        isOneMoreKind(profile, ref, object) ||
        isInOneMoreFolder(profile, ref, object))
    )
  }
  if (object.kind === 'connect') return isByOtherProtocol(profile, ref, object)
  if (object.kind === 'identity') return isOfOneMoreAccount(profile, ref, object)
  if (object.kind === 'syscall') return isOneMoreRoot(profile, ref, object)
  if (object.kind === 'listen') return isOneMoreDrawn(profile, ref, object)
  return object.kind === 'capability' && ref.uid === 0 && isForFiles(profile, ref, object.name)
}

const transports: ReadonlySet<string> = new Set(['tcp', 'udp'])

/** A service that the program asks already, by its other protocol: long answers, or a faster way. */
function isByOtherProtocol(
  profile: ProfileReader,
  ref: BehaviourRef,
  { protocol, peer, port }: Extract<BehaviourObject, { kind: 'connect' }>,
): boolean {
  if (!transports.has(protocol)) return false
  return knownOf(profile, ref, 'connect').some(
    ({ object }) =>
      object.kind === 'connect' &&
      object.drawn !== true &&
      transports.has(object.protocol) &&
      object.peer === peer &&
      object.port === port,
  )
}

/** Ports that the kernel drew for a program, from which on it draws the next one as well. */
const DRAWN_LEAST = 2

/** The kernel draws from the range of the port, and so it was at the same address before. */
function isOneMoreDrawn(
  profile: ProfileReader,
  ref: BehaviourRef,
  { protocol, address, port }: Extract<BehaviourObject, { kind: 'listen' }>,
): boolean {
  if (!holdsPort(drawnByKernel, port)) return false
  const drawn = knownOf(profile, ref, 'listen').filter(
    ({ object }) =>
      object.kind === 'listen' &&
      object.protocol === protocol &&
      object.address === address &&
      holdsPort(drawnByKernel, object.port),
  )
  return drawn.length >= DRAWN_LEAST
}

/** Behind the name of a file that was put aside: a number, or a time. */
const PUT_ASIDE = /^[._-](?=.*\d)[\dTZ:_-]{1,24}$/

/** It puts aside a file that it writes, under its name with a number or a time behind it. */
function isRotation(profile: ProfileReader, ref: BehaviourRef, { access }: FileObject): boolean {
  if (access !== 'rename') return false
  const text = ref.literal?.subject ?? textOfRename(ref.object)
  const [from = '', to = ''] = text.split(SUBJECT_TO)
  return knownOf(profile, ref, 'file').some(({ object }) => {
    if (object.kind !== 'file') return false
    if (object.access !== 'write' && object.access !== 'create') return false
    const own = literalPath(object.path)
    if (!to.startsWith(own) || !PUT_ASIDE.test(to.slice(own.length))) return false
    return from === own || (from.startsWith(own) && PUT_ASIDE.test(from.slice(own.length)))
  })
}

function textOfRename(object: BehaviourObject): string {
  if (object.kind !== 'file' || object.to === undefined) return ''
  return literalPath(object.path) + SUBJECT_TO + literalPath(object.to)
}

/** The same change from, or to, the ids of other people. */
function isOfOneMoreAccount(
  profile: ProfileReader,
  ref: BehaviourRef,
  { from, to }: Extract<BehaviourObject, { kind: 'identity' }>,
): boolean {
  const alike = (a: UserIds, b: UserIds): boolean =>
    accountOf(a.uid) === accountOf(b.uid) && accountOf(a.gid) === accountOf(b.gid)
  return knownOf(profile, ref, 'identity').some(
    ({ object }) => object.kind === 'identity' && alike(object.from, from) && alike(object.to, to),
  )
}

/** Folders that a program went into as its root, from which on the next one may be beside them. */
const ROOTS_LEAST = 2

/** A folder beside those that the program confines itself to, as those of accounts are. */
function isOneMoreRoot(
  profile: ProfileReader,
  ref: BehaviourRef,
  { name, target }: Extract<BehaviourObject, { kind: 'syscall' }>,
): boolean {
  if (name !== 'chroot' || target === undefined) return false
  const patterns = new Map<string, PathPattern>()
  const folder = literalPath(target)
  const beside = knownOf(profile, ref, 'syscall').filter(
    ({ object }) =>
      object.kind === 'syscall' &&
      object.name === name &&
      object.target !== undefined &&
      isBeside(object.target, folder, patterns),
  )
  return beside.length >= ROOTS_LEAST
}

function isForFiles(profile: ProfileReader, ref: BehaviourRef, name: string): boolean {
  if (!forFiles.has(name)) return false
  return knownOf(profile, ref, 'capability').some(
    ({ object }) => object.kind === 'capability' && forFiles.has(object.name),
  )
}

/** Another program deletes that very file, as a service does with its lock: so it holds nothing that is to stay. */
function goesAnyway(
  profile: ProfileReader,
  { literal }: BehaviourRef,
  object: FileObject,
): boolean {
  if (object.access !== 'delete' || literal !== undefined) return false
  return profile.byObject(object).some((known) => !known.void)
}

/** It makes that very file, or it made the folder that the new name is in. */
function isOwn(
  profile: ProfileReader,
  ref: BehaviourRef,
  { access, path, to }: FileObject,
): boolean {
  const subject = subjectOf(ref) ?? literalPath(to ?? path)
  const kind = nameKind(subject)
  const folder = folderOfPath(subject).slice(0, -1)
  let [isMade, isOfKind] = [false, kind === '']
  for (const { object } of knownOf(profile, ref, 'file')) {
    if (object.kind !== 'file' || object.access === 'read' || object.access === 'exec') continue
    const known = object.to ?? object.path
    if (nameKind(known) === kind) isOfKind = true
    if (object.access !== 'create' && object.access !== 'write') continue
    // As a lock, or a unix socket that was left: it goes before it is made again.
    if (access === 'delete' && known === path) return true
    if (literalPath(known) === folder) isMade = true
  }
  return isMade && isOfKind
}

function knownOf(
  profile: ProfileReader,
  { actor, uid }: BehaviourRef,
  kind: BehaviourObject['kind'],
): readonly Allowance[] {
  return profile
    .byActor(kind, actor.exe)
    .slice(0, LOOKED_AT)
    .filter((known) => !known.void && known.uid === uid && known.actor.script === actor.script)
}

/**
 * The actor changes names of that kind in the folder already, or in one that stands beside it: a folder of the same name
 * below another user, host or day. So it is anywhere below a folder in which it makes ever new names.
 */
function isUsualChange(
  profile: ProfileReader,
  ref: BehaviourRef,
  { access, path, to }: FileObject,
): boolean {
  if (access === 'read' || access === 'exec') return false
  const subject = subjectOf(ref) ?? literalPath(to ?? path)
  const [folder, kind] = [folderOfPath(subject), nameKind(subject)]
  const patterns = new Map<string, PathPattern>()
  return knownOf(profile, ref, 'file').some((known) => {
    const { object: other } = known
    if (other.kind !== 'file' || other.access === 'read' || other.access === 'exec') return false
    const isOpen = isPlace(other)
    const paths = isOpen ? templatesOf(known) : [other.to ?? other.path]
    if (!paths.some((one) => nameKind(one) === kind)) return false
    const isWithin = other.access === 'create' || (access !== 'rename' && other.access === access)
    if (isOpen && isWithin && folder.startsWith(baseOf(other.path))) return true
    return paths.some(
      (one) => nameKind(one) === kind && isBeside(folderOfPath(one), folder, patterns),
    )
  })
}

/** Folders that a program cleared of files of a kind, from which on it may clear one beside them. */
const CLEARED_LEAST = 2

/** It deletes files of that kind in several folders, and this one lies somewhere below a folder beside these. */
function isInClearedTree(profile: ProfileReader, ref: BehaviourRef, object: FileObject): boolean {
  if (object.access !== 'delete') return false
  const subject = subjectOf(ref) ?? literalPath(object.path)
  const kind = nameKind(subject)
  if (kind === '' || isHarmfulKind(kind)) return false
  const parts = folderOfPath(subject).split('/')
  const patterns = new Map<string, PathPattern>()
  const cleared = new Set<string>()
  for (const { object: other } of knownOf(profile, ref, 'file')) {
    if (other.kind !== 'file' || other.access !== 'delete' || isPlace(other)) continue
    if (nameKind(other.path) !== kind) continue
    const folder = folderOfPath(other.path)
    const depth = folder.split('/').length - 1
    if (depth >= parts.length) continue
    if (isBeside(folder, `${parts.slice(0, depth).join('/')}/`, patterns)) cleared.add(folder)
  }
  return cleared.size >= CLEARED_LEAST
}

/** Kinds of files that people keep in one place, from which on the next one may be of another kind. */
const KINDS_LEAST = 2

/**
 * Below a folder in which it makes ever new names, the actor has files of several kinds, as people upload them. A file
 * that gets another kind by a rename is none of these.
 */
function isOneMoreKind(profile: ProfileReader, ref: BehaviourRef, object: FileObject): boolean {
  if (object.access === 'read' || object.access === 'exec') return false
  const subject = subjectOf(ref) ?? literalPath(object.to ?? object.path)
  const [folder, kind] = [folderOfPath(subject), nameKind(subject)]
  if (kind === '' || isHarmfulKind(kind)) return false
  if (object.to !== undefined && nameKind(literalPath(object.path)) !== kind) return false
  const kinds = new Set<string>()
  for (const known of knownOf(profile, ref, 'file')) {
    const { object: other } = known
    if (other.kind !== 'file' || other.access !== 'create' || !isPlace(other)) continue
    if (!folder.startsWith(baseOf(other.path))) continue
    for (const template of templatesOf(known)) kinds.add(nameKind(template))
  }
  kinds.delete('')
  return kinds.size >= KINDS_LEAST && ![...kinds].some(isHarmfulKind)
}

/** Folders that are compared with a new one. */
const FOLDERS_MOST = 256

/**
 * The folder differs from those that the actor changes files in by what they differ in themselves, as those of users and
 * their albums do. Below the folder that all of them are in, the kind of file is known, or one more among several.
 */
function isInOneMoreFolder(profile: ProfileReader, ref: BehaviourRef, object: FileObject): boolean {
  const { access, path, to } = object
  if (access === 'read' || access === 'exec') return false
  const subject = subjectOf(ref) ?? literalPath(to ?? path)
  const [folder, kind] = [folderOfPath(subject), nameKind(subject)]
  if (isHarmfulKind(kind)) return false
  if (to !== undefined && !isSameKindOfName(sourceOf(ref), subject)) return false
  const changed = knownOf(profile, ref, 'file').flatMap((known) => {
    const { object: other } = known
    if (other.kind !== 'file' || other.access === 'read' || other.access === 'exec') return []
    const paths = isPlace(other) ? templatesOf(known) : [other.to ?? other.path]
    return paths.map((one) => ({ path: one, folder: folderOfPath(one), access: other.access }))
  })
  const folders = [...new Set(changed.map((one) => one.folder))].slice(0, FOLDERS_MOST)
  const base = variedAbove(folders, folder)
  if (base === undefined) return false
  const within = changed.filter((one) => one.folder.startsWith(base))
  if (access === 'delete' && !within.some((one) => one.access === access)) return false
  const kinds = new Set(within.map((one) => nameKind(one.path)))
  if (kinds.has(kind)) return true
  kinds.delete('')
  return kind !== '' && kinds.size >= KINDS_LEAST && ![...kinds].some(isHarmfulKind)
}

/** The path of a rename as it was before. */
function sourceOf({ object, literal }: BehaviourRef): string {
  const subject = literal?.subject ?? literal?.text ?? textOfRename(object)
  return subject.slice(0, subject.indexOf(SUBJECT_TO))
}

/** It stays in its folder, and keeps its kind. */
function isSameKindOfName(from: string, to: string): boolean {
  return nameKind(from) === nameKind(to) && folderOfPath(from) === folderOfPath(to)
}

/** The path as it is, of a rename the one that the file gets. */
function subjectOf({ literal }: BehaviourRef): string | undefined {
  const subject = literal?.subject ?? literal?.text
  return subject?.slice(subject.indexOf(SUBJECT_TO) + 1)
}

/** The part of a place that does not vary. */
function baseOf(place: string): string {
  return literalPath(place.slice(0, place.indexOf(NAME)))
}

/** Paths that a place stands for; of renames, those that the files get. */
function templatesOf({ grants }: Allowance): readonly string[] {
  return grants
    .toJSON()
    .flatMap(({ witnesses }) => witnesses?.literals ?? [])
    .map((template) => template.slice(template.indexOf(SUBJECT_TO) + 1))
}
