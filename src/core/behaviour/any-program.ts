import { type Actor, type BehaviourObject, behaviourId, behaviourKey } from './behaviour.ts'

/** Stands for each program of a version of class `open`. It is not a path, so no executable can be taken for it. */
export const anyProgram: Actor = Object.freeze({ exe: '(any program)' })

/** Root, as the least that any user is. */
const uid = 0

type ExecObject = Extract<BehaviourObject, { kind: 'exec' }>
type FileObject = Extract<BehaviourObject, { kind: 'file' }>

/**
 * A part of the class `open`, as a behaviour that only a person can add. So it is stored, inherited, shared, shown and
 * taken back as all decisions on behaviours are.
 */
export interface ClassPart {
  readonly actor: Actor
  readonly uid: 0
  /** With {@link anyProgram} as path: the class itself. Else a folder, which ends in `/`. */
  readonly object: ExecObject | FileObject
}

function part(object: ExecObject | FileObject): ClassPart {
  return { actor: anyProgram, uid, object }
}

/** Any program of the image runs any program of the image. */
export const openClass = part({ kind: 'exec', path: anyProgram.exe })
export const openClassId = behaviourId(behaviourKey(anyProgram, uid, openClass.object))

/** Any program runs what was installed below the folder. */
export function programFolder(folder: string): ClassPart {
  return part({ kind: 'exec', path: folder })
}

/** Any program works on files below the folder. */
export function workFolder(folder: string): ClassPart {
  return part({ kind: 'file', access: 'write', path: folder })
}

export function isOfClass(actor: Actor): boolean {
  return actor.exe === anyProgram.exe
}

/** `programs below /workspace/`; as a person decides on it. */
export function classPartText(object: BehaviourObject): string {
  if (object.kind === 'file') return `change files below ${object.path}`
  const { path } = object as ExecObject
  return path === anyProgram.exe ? 'run any program of the image' : `run programs below ${path}`
}
