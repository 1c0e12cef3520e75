import { createHash } from 'node:crypto'
import { close, fstatSync, openSync, read, readdirSync, type Stats } from 'node:fs'
import { promisify } from 'node:util'
import type { CapturedFile, CaseProcess } from '../../api/case-views.ts'
import { caseBounds, type CaseLine, partBytes } from '../records/cases/case-file.ts'
import { describeError } from '../../errors.ts'
import { openBeneath } from '../pipeline/identity/open-beneath.ts'
import { Pace } from '../../support/pace.ts'

const readSome = promisify(read)
const closing = promisify(close)

interface Changed {
  readonly path: string
  readonly stats: Stats
}

/**
 * The files that the container made or changed, the latest first, with their contents as far as the case may take them: those of
 * the topmost layer, which lies on a file system of the host. Volumes are no part of it. No link is followed.
 */
export async function* changedFiles(upper: string, allowance: Allowance): AsyncIterable<CaseLine> {
  const { found, cut } = await filesIn(upper)
  found.sort((a, b) => b.stats.ctimeMs - a.stats.ctimeMs)
  for (const { path } of found.slice(0, caseBounds.files))
    yield* captured(path, () => openBeneath(upper, path), allowance)
  if (cut || found.length > caseBounds.files)
    yield { type: 'note', text: `the container changed more files than these ${caseBounds.files}` }
}

/** Programs that run without a file that others could read: in memory, or deleted since. */
export async function* hiddenPrograms(
  processes: readonly CaseProcess[],
  allowance: Allowance,
): AsyncIterable<CaseLine> {
  const seen = new Set<string>()
  for (const { pid, exe } of processes) {
    if (seen.has(exe) || !/^\/memfd:.* \(deleted\)$/.test(exe)) continue
    seen.add(exe)
    yield* captured(exe, () => openSync(`/proc/${pid}/exe`, 'r'), allowance)
  }
}

/** What the contents of a case may still take. */
export interface Allowance {
  bytes: number
}

async function* captured(
  path: string,
  open: () => number | undefined,
  allowance: Allowance,
): AsyncIterable<CaseLine> {
  let fd: number | undefined
  try {
    fd = open()
    if (fd === undefined) return
    const stats = fstatSync(fd)
    if (!stats.isFile()) return
    const { size: bytes, mode } = stats
    const about = { path, bytes, mode: mode & 0o7777, changed: stats.ctime.toISOString() }
    const omitted = whyOmitted(bytes, allowance)
    if (omitted !== undefined) {
      yield fileLine({ ...about, omitted })
      return
    }
    // It may grow meanwhile: no more than it had is read.
    const content = await contentOf(fd, bytes)
    allowance.bytes -= content.length
    const sha256 = createHash('sha256').update(content).digest('hex')
    yield fileLine({ ...about, bytes: content.length, sha256 })
    for (let at = 0; at * partBytes < content.length; at++) {
      const data = content.subarray(at * partBytes, (at + 1) * partBytes).toString('base64')
      yield { type: 'content', path, part: at, data }
    }
  } catch (error) {
    yield { type: 'note', text: `${path} was not read: ${describeError(error)}` }
  } finally {
    if (fd !== undefined) await closing(fd)
  }
}

function whyOmitted(bytes: number, allowance: Allowance): string | undefined {
  if (bytes > caseBounds.fileBytes) return `larger than ${caseBounds.fileBytes} bytes`
  if (bytes > allowance.bytes) return `files of a case have ${caseBounds.filesBytes} bytes in all`
  return undefined
}

function fileLine(file: CapturedFile): CaseLine {
  return { type: 'file', file }
}

async function contentOf(fd: number, bytes: number): Promise<Buffer> {
  const content = Buffer.alloc(bytes)
  let at = 0
  while (at < bytes) {
    const { bytesRead } = await readSome(fd, content, at, Math.min(partBytes, bytes - at), at)
    if (bytesRead === 0) break
    at += bytesRead
  }
  return content.subarray(0, at)
}

/** `cut`: there may be more. */
async function filesIn(
  upper: string,
): Promise<{ readonly found: Changed[]; readonly cut: boolean }> {
  const found: Changed[] = []
  const folders = ['']
  const pace = new Pace()
  let names = 0
  for (let folder = folders.shift(); folder !== undefined; folder = folders.shift()) {
    const fd = openBeneath(upper, folder)
    if (fd === undefined) continue
    try {
      for (const entry of readdirSync(`/proc/self/fd/${fd}`, { withFileTypes: true })) {
        if (pace.isOver) await pace.turn()
        names += 1
        if (names > caseBounds.names) return { found, cut: true }
        const path = `${folder}/${entry.name}`
        if (entry.isDirectory()) folders.push(path)
        else if (entry.isFile()) await note(upper, path, found)
      }
    } finally {
      await closing(fd)
    }
  }
  return { found, cut: false }
}

async function note(upper: string, path: string, found: Changed[]): Promise<void> {
  try {
    const fd = openBeneath(upper, path)
    if (fd === undefined) return
    const stats = fstatSync(fd)
    await closing(fd)
    if (stats.isFile()) found.push({ path, stats })
  } catch {
    // It became a link meanwhile, or cannot be opened: the walk goes on without it.
  }
}
