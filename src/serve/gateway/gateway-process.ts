import { spawn } from 'node:child_process'
import { realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { packagePath } from '../../support/package-folder.ts'
import { gatewayAccount, rootKept } from './gateway-account.ts'
import type { OpenedGateway } from './gateway-supervisor.ts'

/** Of util-linux: its child gains no rights by running another program. */
const setpriv = 'setpriv'
/** Its exit code where a requested change is not permitted. */
const refused = 127
const endMs = 3_000

/**
 * Starts the gateway as a process, with one end of a socket pair that no other process can open. It is not root if
 * other users can read its code; otherwise it drops root itself, once it has read the code. Node does not always permit
 * that: built with the system's libuv, as on Debian, a process cannot change its user.
 */
export function openGatewayProcess(): OpenedGateway {
  const main = packagePath('dist/interfaces/gateway/main.js')
  const command = [...rightsFor(main), '--', process.execPath, ...nodeFlags, main]
  const child = spawn(setpriv, command, {
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
    child.once('exit', (code, signal) =>
      resolve(
        code === refused ? rootKept : `the gateway exited with ${signal ?? code ?? 'no code'}`,
      ),
    )
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

/** A gateway serves and parses; it needs little memory for that. */
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=256']

function rightsFor(main: string): readonly string[] {
  const none = ['--no-new-privs', '--inh-caps=-all']
  const isRoot = process.getuid?.() === 0
  if (!isRoot || ![process.execPath, main].every(isReadByAll)) return none
  const { uid, gid } = gatewayAccount()
  return [...none, '--reuid', String(uid), '--regid', String(gid), '--clear-groups']
}

/** Whether any user may read the file, and traverse all folders of it and of its link target. */
export function isReadByAll(file: string): boolean {
  return [file, realpathSync(file)].every(isOpenPath)
}

function isOpenPath(file: string): boolean {
  const others = (path: string): number => statSync(path).mode & 0o7
  if ((others(file) & 0o4) === 0) return false
  for (let at = dirname(file); ; at = dirname(at)) {
    if ((others(at) & 0o1) === 0) return false
    if (at === dirname(at)) return true
  }
}

/** Nothing that is a secret of the agent; certificates and a proxy for keys that are fetched. */
function environment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'TZ']
  return Object.fromEntries(names.map((name) => [name, process.env[name]]))
}
