import type { Access } from '../../core/event/event.ts'

/** As Linux numbers them on x86-64 and arm64 alike. */
const O_ACCMODE = 3
const O_CREAT = 0o100
const O_TRUNC = 0o1000

/** What an open by these flags may do with the file. */
export function accessOfFlags(flags: number): readonly Access[] {
  const mode = flags & O_ACCMODE
  const reads = mode === 0 || mode === 2
  const writes = mode === 1 || mode === 2 || (flags & O_TRUNC) !== 0
  return accessOf({ reads, writes, creates: (flags & O_CREAT) !== 0 })
}

/** The same of their names: `O_RDWR|O_CREAT`. */
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
