import { chmodSync, lstatSync, mkdirSync, unlinkSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { describeError, SnugError } from '../../errors.ts'

/** Only the owner may connect. */
const ownerOnly = 0o600

/**
 * Listens on a unix socket. From its first instant only its owner can connect, and then the users that `mode` allows.
 * It removes a socket that a dead agent left behind; never one that a process answers on, nor anything that is not a
 * socket.
 *
 * Errors: AGENT_RUNNING, LISTEN_FAILED.
 */
export async function listenUnix(server: Server, path: string, mode = ownerOnly): Promise<void> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 })
    await clearStale(path)
    await listen(server, path)
    chmodSync(path, mode)
  } catch (error) {
    if (error instanceof SnugError) throw error
    throw new SnugError('LISTEN_FAILED', `cannot listen on \`${path}\`: ${describeError(error)}`)
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const before = process.umask(0o177)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}

async function clearStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new SnugError('LISTEN_FAILED', `\`${path}\` is not a socket`)
  if (await answers(path)) {
    throw new SnugError('AGENT_RUNNING', `an agent answers on \`${path}\` already`)
  }
  unlinkSync(path)
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(error)
    })
  })
}
