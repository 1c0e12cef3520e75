import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import { actorText } from '../../core/behaviour/describe.ts'
import type { ProfileEntry } from '../../core/profile/profile-entry.ts'
import { isShaped, literalPath } from '../../core/behaviour/shape.ts'
import { runtime } from '../../core/behaviour/behaviour.ts'

/** How a file was used, the strongest evidence first. */
export const fileUses = ['ran', 'mapped', 'opened'] as const
export type FileUse = (typeof fileUses)[number]

export interface SeenFile {
  readonly path: string
  readonly use: FileUse
  /** The program that did it. */
  readonly by: string
  /** Only in sessions of operators, and never by the service itself. */
  readonly sessionOnly: boolean
}

/**
 * The files that a profile observed in use, by path. Inherited behaviour was not observed. Files of an operator's
 * session were, since their code runs as well.
 */
export class SeenFiles {
  readonly #files = new Map<string, SeenFile>()
  /** Whether file opens were observed at all: some sensors report programs only. */
  readonly seesFiles: boolean

  /** `placeOf` gives the path under which the image's own tree holds a file. */
  constructor(profile: ProfileDocument, placeOf: (path: string) => string) {
    this.seesFiles = profile.observed?.includes('file') ?? hasFiles(profile)
    for (const entry of profile.behaviours) {
      if (entry.cells.length > 0) this.#look(entry, placeOf)
    }
  }

  at(path: string): SeenFile | undefined {
    return this.#files.get(path)
  }

  #look(entry: ProfileEntry, placeOf: (path: string) => string): void {
    const { actor, object, cells } = entry
    const sessionOnly = cells.every(({ origin }) => origin === 'exec-in')
    const by = actorText(actor)
    const add = (path: string | undefined, use: FileUse): void => {
      if (path?.startsWith('/') !== true) return
      const place = placeOf(path)
      const next = { path: place, use, by, sessionOnly }
      for (const name of [place, ...sourcesOf(place)]) {
        const known = this.#files.get(name)
        if (known === undefined || graver(next, known)) this.#files.set(name, next)
      }
    }
    if (actor.exe !== runtime.exe) for (const path of [actor.exe, actor.script]) add(path, 'ran')
    if (object.kind === 'exec') for (const path of [object.path, object.script]) add(path, 'ran')
    if (object.kind !== 'file') return
    const use = object.access === 'exec' ? 'mapped' : 'opened'
    for (const path of pathsOf(entry)) add(path, use)
  }
}

const compiledModule = /^(.*)\/__pycache__\/([^/]+?)\.[^/.]+(?:\.opt-\d)?\.pyc$/

/** Python opens the compiled module, often created at installation, and not the module of the package. */
function sourcesOf(path: string): readonly string[] {
  const [, folder, name] = compiledModule.exec(path) ?? []
  return folder === undefined || name === undefined ? [] : [`${folder}/${name}.py`]
}

/** Older profiles do not list the observed kinds of events; their behaviours show them. */
function hasFiles({ behaviours }: ProfileDocument): boolean {
  return behaviours.some(({ object }) => object.kind === 'file')
}

function pathsOf({ object, cells }: ProfileEntry): readonly string[] {
  if (object.kind !== 'file') return []
  if (!isShaped(object.path)) return [literalPath(object.path)]
  return cells.flatMap(({ witnesses }) => witnesses?.literals ?? [])
}

function graver(a: SeenFile, b: SeenFile): boolean {
  const rank = ({ use, sessionOnly }: SeenFile): number =>
    fileUses.indexOf(use) * 2 + Number(sessionOnly)
  return rank(a) < rank(b)
}
