import type { Actor } from '../behaviour/behaviour.ts'
import type { ElfProgram } from './elf-program.ts'

export interface ShippedFile {
  /** Its own path in the image, links followed: the one that the kernel reports. */
  readonly path: string
  readonly mode: number
  readonly kind: 'file' | 'folder' | 'other'
}

/** The files of an image. Bounded, and never throws. */
export interface ImageFacts {
  /** The target of a path; undefined where the image has nothing there. */
  file(path: string): ShippedFile | undefined
  /** Names in a folder; none where it is no folder, or holds too many. */
  names(folder: string): readonly string[]
  /** Undefined where the file is no ELF file. */
  program(path: string): ElfProgram | undefined
  /** Whether the file is a program or a library, or is a script. */
  isCode(path: string): boolean
  /** A small text file; undefined where it is none. */
  text(path: string): string | undefined
}

/** Limits for one program: real ones stay below a third of them. */
const MOST_LIBRARIES = 512
const MOST_FILES = 2_048

/** Folders where the loaders of glibc and musl look without being asked to. */
const LOADER_FOLDERS = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/lib32', '/usr/local/lib']

/**
 * Files that glibc itself opens, in any program linked to it: the cache of libraries, the order of name services, the
 * local time, and the names of locales. These are paths of the C library on every distribution, and of no service.
 */
const GLIBC_FILES = [
  '/etc/ld.so.cache',
  '/etc/ld.so.preload',
  '/etc/nsswitch.conf',
  '/etc/host.conf',
  '/etc/gai.conf',
  '/etc/localtime',
  '/usr/share/zoneinfo/posixrules',
  '/usr/lib/locale/locale-archive',
  '/usr/share/locale/locale.alias',
]

/**
 * Files of the kernel that glibc itself reads, whatever the program asks it for: before malloc gives memory back, and
 * where it counts processors.
 */
const GLIBC_KERNEL_FILES = [
  '/proc/sys/vm/overcommit_memory',
  '/sys/devices/system/cpu/online',
  '/sys/devices/system/cpu/possible',
]

/**
 * Files of the kernel that a library reads as it is loaded, before the program begins: whether there is SELinux, and which
 * capabilities there are. Many programs of each distribution are linked to these libraries.
 */
const LIBRARY_KERNEL_FILES: ReadonlyMap<string, string> = new Map([
  ['libselinux.so.1', '/proc/filesystems'],
  ['libcap-ng.so.0', '/proc/sys/kernel/cap_last_cap'],
])

/** No image ships it, and no container can change it. */
export function isOfKernel(path: string): boolean {
  return path.startsWith('/proc/') || path.startsWith('/sys/')
}

const LOCALES = '/usr/lib/locale'

/**
 * The files of its image that a program reads because of its build: the script that it was started for, its loader, the
 * libraries that it is linked to, and the files that the C library opens. Those of the kernel are among them. Canonical
 * paths. Any other read is its own behaviour.
 */
export function programFiles(facts: ImageFacts, actor: Actor): ReadonlySet<string> {
  const found = new Set<string>()
  const script = actor.script === undefined ? undefined : facts.file(actor.script)
  if (script?.kind === 'file') found.add(script.path)
  const exe = facts.file(actor.exe)
  const program = exe?.kind === 'file' ? facts.program(exe.path) : undefined
  if (exe !== undefined && program?.interpreter !== undefined) {
    new Closure(facts, program, program.interpreter, found).follow(exe.path, program)
  }
  return found
}

class Closure {
  readonly #facts: ImageFacts
  readonly #machine: string
  readonly #found: Set<string>
  readonly #folders: readonly string[]
  readonly #loader: string
  readonly #followed = new Set<string>()
  readonly #variantsOf = new Map<string, readonly string[]>()

  constructor(facts: ImageFacts, program: ElfProgram, interpreter: string, found: Set<string>) {
    this.#facts = facts
    this.#machine = program.machine
    this.#found = found
    const loader = facts.file(interpreter)
    this.#loader = loader?.path ?? interpreter
    if (loader?.kind === 'file') found.add(loader.path)
    // Its own folder is the one of its architecture, which Debian and Ubuntu name after that.
    const own = folderOf(this.#loader)
    const built = LOADER_FOLDERS.flatMap((folder) => [...multiarch(facts, folder), folder])
    const all = [own, ...configuredFolders(facts, this.#loader), ...built]
    const real = all.map((folder) => facts.file(folder)?.path).filter((path) => path !== undefined)
    this.#folders = [...new Set(real)]
  }

  follow(path: string, program: ElfProgram): void {
    this.#libraries(path, program, [])
    if (lastOf(this.#loader).startsWith('ld-musl-')) this.#addFile('/etc/localtime')
    else if (this.#hasGlibc()) this.#glibc()
  }

  #libraries(path: string, program: ElfProgram, inherited: readonly string[]): void {
    const own = program.searched.flatMap((folder) => expanded(folder, folderOf(path)))
    for (const name of program.needed) {
      // The loader also searches the folders that the dependent libraries name.
      const folders = [...own, ...inherited]
      for (const found of this.#find(name, folders)) {
        if (this.#followed.has(found) || this.#followed.size >= MOST_LIBRARIES) continue
        this.#followed.add(found)
        this.#add(found)
        const ofKernel = LIBRARY_KERNEL_FILES.get(lastOf(name))
        if (ofKernel !== undefined) this.#add(ofKernel)
        const library = this.#facts.program(found)
        if (library !== undefined) this.#libraries(found, library, folders)
      }
    }
  }

  /** The library that the loader takes, and its variants for newer processors. */
  #find(name: string, folders: readonly string[]): readonly string[] {
    if (name.includes('/')) return this.#library(name)
    const found: string[] = []
    for (const folder of new Set([...folders, ...this.#folders])) {
      for (const variant of this.#variants(folder)) {
        found.push(...this.#library(`${folder}/glibc-hwcaps/${variant}/${name}`))
      }
      const plain = this.#library(`${folder}/${name}`)
      if (plain.length > 0) return [...found, ...plain]
    }
    return found
  }

  #variants(folder: string): readonly string[] {
    const known = this.#variantsOf.get(folder)
    if (known !== undefined) return known
    const variants = this.#facts.names(`${folder}/glibc-hwcaps`)
    this.#variantsOf.set(folder, variants)
    return variants
  }

  #library(path: string): readonly string[] {
    const file = this.#facts.file(path)
    if (file?.kind !== 'file') return []
    return this.#facts.program(file.path)?.machine === this.#machine ? [file.path] : []
  }

  #hasGlibc(): boolean {
    return [...this.#followed].some((path) => lastOf(path).startsWith('libc.so.6'))
  }

  #glibc(): void {
    for (const path of GLIBC_FILES) this.#addFile(path)
    for (const path of GLIBC_KERNEL_FILES) this.#add(path)
    this.#nameServices()
    for (const locale of this.#facts.names(LOCALES)) this.#addFolder(`${LOCALES}/${locale}`)
    // The lists of converters. A converter is code, and is loaded where the program asks for it.
    const gconv = `${folderOf(this.#loader)}/gconv`
    for (const name of ['gconv-modules.cache', 'gconv-modules']) this.#addFile(`${gconv}/${name}`)
    this.#addFolder(`${gconv}/gconv-modules.d`)
  }

  /** Modules that nsswitch.conf names are loaded like libraries. */
  #nameServices(): void {
    const text = this.#facts.text('/etc/nsswitch.conf') ?? ''
    const services = new Set(
      text.split('\n').flatMap((line) => {
        const [, list = ''] = line.replace(/#.*/, '').split(':')
        return list.replace(/\[[^\]]*\]/g, ' ').match(/[a-z0-9_-]+/gi) ?? []
      }),
    )
    const needed = [...services].slice(0, 64).map((service) => `libnss_${service}.so.2`)
    this.#libraries(this.#loader, { machine: this.#machine, needed, searched: [] }, [])
  }

  #addFile(path: string): void {
    const file = this.#facts.file(path)
    if (file?.kind === 'file') this.#add(file.path)
  }

  /** Its files, its folders, and the files of these: `C.utf8/LC_CTYPE`, `C.utf8/LC_MESSAGES/…`. */
  #addFolder(folder: string, depth = 1): void {
    for (const name of this.#facts.names(folder)) {
      const file = this.#facts.file(`${folder}/${name}`)
      if (file?.kind === 'file') this.#add(file.path)
      if (file?.kind !== 'folder' || depth === 0) continue
      // glibc opens the folder of the messages before a file in it.
      this.#add(file.path)
      this.#addFolder(file.path, depth - 1)
    }
  }

  #add(path: string): void {
    if (this.#found.size < MOST_FILES) this.#found.add(path)
  }
}

/** Folders of an architecture, which are compiled into the loaders of Debian and Ubuntu. */
function multiarch(facts: ImageFacts, folder: string): readonly string[] {
  const names = facts.names(folder).filter((name) => /^[a-z0-9_]+-linux-[a-z0-9]+$/.test(name))
  return names.map((name) => `${folder}/${name}`)
}

/** What `/etc/ld.so.conf` names for glibc, and `/etc/ld-musl-ARCH.path` for musl. */
function configuredFolders(facts: ImageFacts, loader: string): readonly string[] {
  const [, arch] = /^ld-musl-(.+)\.so\.\d+$/.exec(lastOf(loader)) ?? []
  const texts =
    arch === undefined
      ? [
          facts.text('/etc/ld.so.conf'),
          ...facts
            .names('/etc/ld.so.conf.d')
            .map((name) => facts.text(`/etc/ld.so.conf.d/${name}`)),
        ]
      : [facts.text(`/etc/ld-musl-${arch}.path`)]
  return texts
    .flatMap((text) => (text ?? '').split(/[\n:,]/))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line.startsWith('/'))
    .slice(0, 64)
}

/** `$ORIGIN` is the folder of the file that contains it. Other tokens and relative folders are not followed. */
function expanded(folder: string, origin: string): readonly string[] {
  const path = folder.replaceAll('${ORIGIN}', origin).replaceAll('$ORIGIN', origin)
  return path.startsWith('/') && !path.includes('$') ? [path] : []
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
