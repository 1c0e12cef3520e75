import { Socket } from 'node:net'
import { packagePath } from '../support/package-folder.ts'
import { routes } from '../serve/routes/routes.ts'
import { createLog } from '../support/telemetry/log.ts'
import { runGateway } from './gateway.ts'
import { loadPageFiles } from './page-files.ts'
import { closeInherited, dropRights } from './rights.ts'

/** The process that serves TCP: started by the daemon, with its end of a socket pair as descriptor 3. */
const linkFd = 3
closeInherited(linkFd)
const files = loadPageFiles(packagePath('dist/interfaces/ui'))
const link = new Socket({ fd: linkFd, readable: true, writable: true })
// A signal to the group is for the daemon, which drains, and then lets go of this end.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined)

try {
  await runGateway({ routes, link, files, giveUpRights: dropRights, log: createLog('info') })
} catch {
  // The daemon has the reason, and reports it.
  process.exitCode = 1
}
link.destroy()
