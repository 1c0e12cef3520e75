import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'

export type LevelCheck =
  | { readonly kind: 'sound'; readonly dropped: readonly string[] }
  | { readonly kind: 'locked' }
  | { readonly kind: 'failed'; readonly message: string; readonly corrupt: boolean }

/**
 * Opens and reads a whole LevelDB in a separate process, after repairing it if asked. LevelDB
 * aborts its process on some damage. Without this check the daemon would crash at every start.
 */
export async function checkLevel(folder: string, how: 'read' | 'repair'): Promise<LevelCheck> {
  const level = createRequire(import.meta.url).resolve('level')
  const { NODE_OPTIONS: _, ...env } = process.env
  const child = spawn(process.execPath, ['-e', script, level, folder, how], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let complaint = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaint = (complaint + chunk).slice(-500)
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null]
  if (code === 0) return JSON.parse(output) as LevelCheck
  const outcome = signal === null ? `exit ${code}` : signal
  const message = complaint.trim().split('\n').at(-1) ?? ''
  return { kind: 'failed', corrupt: true, message: `reading it ended with ${outcome}: ${message}` }
}

// LevelDB drops damaged records of its write-ahead log when it opens, and reports this only in its
// log file. It starts a new log file at each opening.
const script = `
const [level, folder, how] = process.argv.slice(1)
const { Level } = require(level)
const { readFileSync } = require('node:fs')
const { join } = require('node:path')

async function check() {
  if (how === 'repair') await Level.repair(folder)
  const db = new Level(folder, { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await db.open({ createIfMissing: false })
  const dropped = readFileSync(join(folder, 'LOG'), 'utf8')
    .split('\\n')
    .filter((line) => /dropping \\d+ bytes|ignoring error|corruption/i.test(line))
  // To read the keys is to read each block, with its values.
  const keys = db.keys({ highWaterMarkBytes: 262144 })
  while ((await keys.nextv(10_000)).length > 0) continue
  await db.close()
  return { kind: 'sound', dropped }
}

function failure(error) {
  const chain = []
  for (let at = error; at instanceof Error; at = at.cause) chain.push(at)
  if (chain.some((at) => at.code === 'LEVEL_LOCKED')) return { kind: 'locked' }
  const message = chain.map((at) => at.message).join(': ')
  // What the host refuses is no damage; all else that a store of ours answers to being read is.
  const refused = /Permission denied|Read-only file system|No space left|Too many open files/i
  const corrupt = !chain.some((at) => refused.test(at.message))
  return { kind: 'failed', message, corrupt }
}

check()
  .catch(failure)
  .then((result) => process.stdout.write(JSON.stringify(result)))
`
