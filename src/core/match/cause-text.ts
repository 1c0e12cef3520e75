import type { AlertCause } from '../event/alert.ts'
import type { CauseAccess } from '../event/alert-risk.ts'

const verbs: Readonly<Record<CauseAccess, string>> = {
  read: 'read',
  change: 'change',
  map: 'map for execution',
  run: 'run',
  connect: 'connect to',
  listen: 'listen on',
  identity: 'change identity,',
  capability: 'use',
  syscall: 'call',
}

/** One line for what several behaviours have in common: `change 312 files in /var/jobs/`. */
export function causeLine(cause: Pick<AlertCause, 'access' | 'place' | 'names' | 'wide'>): string {
  const { access, place, names, wide } = cause
  const verb = verbs[access]
  const number = names.toLocaleString('en')
  if (access === 'read' || access === 'change' || access === 'map') {
    const files = `${number} ${names === 1 ? 'file' : 'files'}`
    return wide === true
      ? `${verb} ${files} in several folders below ${place}`
      : `${verb} ${files} in ${place}`
  }
  if (wide === true) return `${verb} ${number} ${things[access] ?? 'objects'}`
  return names === 1 ? `${verb} ${place}` : `${verb} ${place} in ${number} ways`
}

const things: Partial<Record<CauseAccess, string>> = {
  run: 'commands',
  connect: 'peers',
  listen: 'addresses',
  identity: 'changes',
  capability: 'capabilities',
  syscall: 'system calls',
}
