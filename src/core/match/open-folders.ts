import { isOfClass } from '../behaviour/any-program.ts'
import { isOfKernel } from '../learning/program-files.ts'
import type { LiveEntry } from '../profile/live-entry.ts'
import { makes } from './act-parts.ts'
import { folderOfPath } from './place-class.ts'

/** What lies below these folders, which end in `/`. None of a list is below another one. */
export interface Area {
  readonly within: readonly string[]
  /** A person rejected these. */
  readonly except: readonly string[]
}

/** What the window of a version of class `open` showed. */
export interface OpenFolders {
  /** Where programs are installed: what was made there may run. */
  readonly programs: Area
  /** Where files are worked on. */
  readonly work: Area
  /** Programs and scripts that ran. */
  readonly ran: ReadonlySet<string>
}

type Evidenced = Readonly<
  Pick<LiveEntry, 'actor' | 'object' | 'decision' | 'inherited' | 'allCells' | 'rejected'>
>

/** Folders with work in them from which on the folder around them is one as well. */
const childrenLeast = 3

/**
 * Only the window, and people, make folders: evidence of later says nothing here. What fired a guardrail is no evidence,
 * unless it is about which programs there are: that is what the class is a decision on.
 *
 * A folder is one of work where something was made in it, or in three folders of it. Programs may be where the image
 * keeps programs, if something was made there too; and below the outermost folder in which something was made, as far
 * as something ran from below it that the image did not ship.
 */
export function openFoldersOf(
  entries: Iterable<Evidenced>,
  isOfPrograms: (guardrail: string) => boolean,
): OpenFolders {
  const made = new Set<string>()
  const shipped = new Set<string>()
  const foreign = new Set<string>()
  const ran = new Set<string>()
  const programs = { within: [] as string[], except: [] as string[] }
  const work = { within: [] as string[], except: [] as string[] }
  for (const entry of entries) {
    const { actor, object } = entry
    if (object.kind !== 'exec' && object.kind !== 'file') continue
    if (isOfClass(actor)) {
      const area = object.kind === 'exec' ? programs : work
      const list = entry.rejected ? area.except : area.within
      if (object.path.endsWith('/') && entry.decision?.kind !== 'withdrawn') list.push(object.path)
    } else if (!isOfWindow(entry, isOfPrograms)) {
      continue
    } else if (object.kind === 'exec') {
      const path = object.script ?? object.path
      ran.add(path)
      if (object.drift === true) foreign.add(path)
      else shipped.add(literalFolder(path))
    } else if (object.access === 'exec') foreign.add(object.path)
    else if (makes.includes(object.access))
      addFolder(made, literalFolder(object.access === 'rename' ? (object.to ?? '') : object.path))
  }
  for (const path of foreign) {
    const around = outermost(path, made)
    if (around !== undefined) programs.within.push(around)
  }
  for (const folder of shipped) if (made.has(folder)) programs.within.push(folder)
  work.within.push(...made, ...surrounding(made))
  return { programs: areaOf(programs), work: areaOf(work), ran }
}

export function isIn(path: string, { within, except }: Area): boolean {
  return isBelow(path, within) && !isBelow(path, except)
}

function isBelow(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path.startsWith(folder))
}

/** A folder of which a person rejected all is not one of it. */
function areaOf({ within, except }: Area): Area {
  return {
    within: withoutNested(within.filter((folder) => !isBelow(folder, except))),
    except: withoutNested(except),
  }
}

function isOfWindow(entry: Evidenced, isOfPrograms: (guardrail: string) => boolean): boolean {
  if (entry.rejected) return false
  if (entry.decision?.kind === 'approved' || entry.inherited !== undefined) return true
  for (const { phase, guardrails } of entry.allCells())
    if (phase === 'learned' && guardrails.every(isOfPrograms)) return true
  return false
}

/** As far as its names are literal: paths are in the language of shapes. */
function literalFolder(path: string): string {
  const at = path.indexOf('<')
  return folderOfPath(at < 0 ? path : path.slice(0, at))
}

/** The root has all others in it, and the kernel’s own files are no work. */
function addFolder(folders: Set<string>, folder: string): void {
  const isWork = folder.length > 1 && folder.startsWith('/') && folder !== '/dev/'
  if (isWork && !isOfKernel(folder)) folders.add(folder)
}

function parentOf(folder: string): string {
  return folderOfPath(folder.slice(0, -1))
}

/** Those that have work in several of their folders, and those around these. */
function surrounding(made: ReadonlySet<string>): readonly string[] {
  const found = new Set<string>()
  let inner: Iterable<string> = made
  for (;;) {
    const children = new Map<string, Set<string>>()
    for (const folder of inner) {
      const parent = parentOf(folder)
      children.set(parent, (children.get(parent) ?? new Set()).add(folder))
    }
    const outer = new Set<string>()
    for (const [parent, { size }] of children) if (size >= childrenLeast) addFolder(outer, parent)
    const news = [...outer].filter((folder) => !found.has(folder))
    if (news.length === 0) return [...found]
    for (const folder of news) found.add(folder)
    inner = new Set([...made, ...found])
  }
}

function outermost(path: string, folders: ReadonlySet<string>): string | undefined {
  for (let at = path.indexOf('/', 1); at >= 0; at = path.indexOf('/', at + 1)) {
    const folder = path.slice(0, at + 1)
    if (folders.has(folder)) return folder
  }
  return undefined
}

function withoutNested(folders: readonly string[]): readonly string[] {
  const kept: string[] = []
  for (const folder of [...new Set(folders)].sort())
    if (!isBelow(folder, kept.slice(-1))) kept.push(folder)
  return kept
}
