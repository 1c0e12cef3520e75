import { openBeneathBy } from '../pipeline/identity/open-beneath.ts'

/**
 * The program of the thread that opens, reads and hashes files. A text, because it is no module of the daemon: a thread
 * with one needs more memory, and would load all that the daemon has.
 *
 * It opens what the process runs; else the file of that path below the root of a process of the container, without
 * following a link. By its path a file has to have the device, number, size and time of its last change that the kernel
 * reported, before and after it was read. What a process runs may have another time, as a link to it was removed: the
 * kernel lets nobody write to it. Whether it is what the process executed then, the kernel is asked afterwards.
 */
export const fileHasher = `
'use strict'
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const { parentPort } = require('node:worker_threads')

const openBeneathBy = ${openBeneathBy.toString()}

const part = Buffer.alloc(1 << 20)
const rootsTried = 4

function isInode(fd, file) {
  const stats = fs.fstatSync(fd, { bigint: true })
  return stats.isFile() && stats.dev === BigInt(file.device) && stats.ino === BigInt(file.inode)
}

// A file that is made shorter has its new size some time before the new time.
function isSame(fd, file) {
  const stats = fs.fstatSync(fd, { bigint: true })
  return (
    isInode(fd, file) &&
    stats.ctimeNs === BigInt(file.changed) &&
    stats.size === BigInt(file.bytes)
  )
}

// Of a kernel that lets nobody write to what runs: not of Linux 6.11 and 6.12.
function isBusy(program) {
  try {
    fs.closeSync(fs.openSync(program, 'r+'))
    return false
  } catch (error) {
    return error.code === 'ETXTBSY'
  }
}
const areWritesRefused = isBusy(process.execPath)

function openIf(open, isWanted, file) {
  let fd
  try {
    fd = open()
  } catch {}
  if (fd === undefined) return undefined
  if (isWanted(fd, file)) return fd
  fs.closeSync(fd)
  return 'other'
}

function processesOf({ pid, cgroup }) {
  let others = ''
  try {
    others = fs.readFileSync(cgroup + '/cgroup.procs', 'utf8')
  } catch {}
  return [pid, ...others.split('\\n').filter((line) => line !== '').slice(0, rootsTried)]
}

function openFile(job) {
  const { file, pid, path } = job
  if (areWritesRefused && file.executed !== '0') {
    const fd = openIf(() => fs.openSync('/proc/' + pid + '/exe', 'r'), isInode, file)
    if (fd !== undefined && fd !== 'other') return { fd, isRun: true }
  }
  let unhashed = 'ended'
  if (!path.startsWith('/')) return { unhashed }
  for (const one of processesOf(job)) {
    // The dot: the root itself is a link of the kernel's.
    const root = '/proc/' + one + '/root/.'
    const fd = openIf(() => openBeneathBy(fs, root, path), isSame, file)
    if (fd === 'other') unhashed = 'changed'
    else if (fd !== undefined) return { fd, isRun: false }
  }
  return { unhashed }
}

function sumOf(fd, bytes) {
  const hash = createHash('sha256')
  let at = 0
  while (at < bytes) {
    const read = fs.readSync(fd, part, 0, Math.min(part.length, bytes - at), at)
    if (read === 0) return undefined
    hash.update(part.subarray(0, read))
    at += read
  }
  return hash.digest('hex')
}

function hashOf(job) {
  const { fd, isRun, unhashed } = openFile(job)
  if (fd === undefined) return { unhashed }
  try {
    const { isTraceless, file, mostBytes } = job
    if (isTraceless && !isRun) return { unhashed: 'uncertain' }
    const { size: bytes } = fs.fstatSync(fd)
    if (bytes > mostBytes) return { unhashed: 'budget' }
    const sha256 = sumOf(fd, bytes)
    const isUnchanged = isSame(fd, file)
    if (!isUnchanged && !isRun) return { unhashed: 'changed', bytes }
    if (sha256 === undefined) return { unhashed: 'unreadable', bytes }
    return { sha256, bytes, isCertain: isUnchanged && !isTraceless }
  } finally {
    fs.closeSync(fd)
  }
}

parentPort.on('message', (job) => {
  let answer
  try {
    answer = hashOf(job)
  } catch {
    answer = { unhashed: 'unreadable' }
  }
  parentPort.postMessage(answer)
})
`
