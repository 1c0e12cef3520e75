import type { Access } from '../../core/event/event-words.ts'

/** Values of Linux on x86-64 and arm64. */
const O_ACCMODE = 3
const O_CREAT = 0o100
const O_TRUNC = 0o1000

/** The accesses to the file that these flags of an open permit. */
export function accessOfFlags(flags: number): readonly Access[] {
  const mode = flags & O_ACCMODE
  const reads = mode === 0 || mode === 2
  const writes = mode === 1 || mode === 2 || (flags & O_TRUNC) !== 0
  return accessOf({ reads, writes, creates: (flags & O_CREAT) !== 0 })
}

/** By names of flags: `O_RDWR|O_CREAT`. */
export function accessOfFlagNames(text: string): readonly Access[] {
  const names = new Set(text.toUpperCase().split(/[^A-Z_]+/))
  const both = names.has('O_RDWR')
  const writes = both || names.has('O_WRONLY') || names.has('O_TRUNC')
  const reads = both || !names.has('O_WRONLY')
  return accessOf({ reads, writes, creates: names.has('O_CREAT') })
}

export function accessOf(way: {
  readonly reads: boolean
  readonly writes: boolean
  readonly creates?: boolean
}): readonly Access[] {
  const list: Access[] = []
  if (way.reads) list.push('read')
  if (way.writes) list.push('write')
  if (way.creates === true) list.push('create')
  return list.length === 0 ? ['read'] : list
}
