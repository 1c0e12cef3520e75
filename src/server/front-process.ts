import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { OpenedFront } from './front-keeper.ts'

/** Of util-linux: what it starts gains no rights by running anything. */
const setpriv = 'setpriv'
const endMs = 3_000

/**
 * Starts the front as a process, with one end of a socket pair that nobody else can open. It gives root up itself, once
 * its code is read: that may be where only root can read.
 */
export function openFrontProcess(): OpenedFront {
  const main = fileURLToPath(new URL('../front/main.js', import.meta.url))
  // A front serves and parses; it needs little room to do so.
  const flags = ['--max-semi-space-size=1', '--max-old-space-size=256']
  const child = spawn(setpriv, ['--no-new-privs', '--', process.execPath, ...flags, main], {
    cwd: '/',
    env: environment(),
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const link = child.stdio[3] as Duplex
  const gone = new Promise<string>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      const missing = `\`${setpriv}\` is missing: install util-linux`
      resolve(error.code === 'ENOENT' ? missing : error.message)
    })
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? code ?? 'no code'}`))
  })
  return {
    link,
    gone,
    stop: async () => {
      link.destroy()
      const deadline = setTimeout(() => child.kill('SIGKILL'), endMs)
      await gone
      clearTimeout(deadline)
    },
  }
}

/** Nothing that is a secret of the agent; certificates and a proxy for keys that are fetched. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'TZ']
  return Object.fromEntries(names.map((name) => [name, process.env[name]]))
}
