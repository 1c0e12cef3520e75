import type { DoctorCheck, DoctorReport, StopView } from '../../api/status-views.ts'

const needed = ['kernel', 'btf', 'rights', 'lockdown', 'cgroup-v2'] as const

/** Classes of events that a host stops, or cannot stop, as one; the sensor uses these names. */
const stopClasses = {
  exec: 'running a program',
  open: 'opening, creating or writing a file',
  receive: 'receiving an open file from another process',
  delete: 'deleting a file or folder',
  rename: 'renaming or moving a file',
  truncate: 'truncating a file by its path',
  link: 'making a link, a folder or a device node',
  setattr: 'changing the mode, the owner or an attribute of a file',
  map: 'mapping code that the image did not ship',
  connect: 'connecting by TCP or UDP',
  'server-name': 'naming another server in TLS',
  send: 'sending a datagram without connecting',
  unix: 'connecting to a unix socket',
  bind: 'binding an address to listen on',
  listen: 'listening without binding an address',
  identity: 'changing the user or group',
  capability: 'using a capability',
  call: 'a sensitive system call',
} as const
type StopClass = keyof typeof stopClasses

const classesOf: Readonly<Record<string, readonly StopClass[]>> = {
  exec: ['exec'],
  file: ['open', 'receive', 'delete', 'rename', 'truncate', 'link', 'setattr', 'map'],
  connect: ['connect', 'server-name', 'send', 'unix'],
  listen: ['bind', 'listen'],
  identity: ['identity'],
  capability: ['capability'],
  syscall: ['call'],
}

type Facts = Readonly<Record<string, string>>

/**
 * The response to a deviation on this host in mode block, for each class of events, from the reports of the running
 * sources (`stop.exec: blocked`); empty where no source reports any.
 */
export function stopsOf(sources: readonly Facts[]): readonly StopView[] {
  const reported = Object.assign({}, ...sources) as Facts
  if (!Object.keys(reported).some((name) => name.startsWith('stop.'))) return []
  return Object.entries(stopClasses).map(([act, text]) => ({
    act,
    text,
    how: howOf(reported[`stop.${act}`]),
  }))
}

/** A class without a report is not stopped. */
function howOf(how: string | undefined): StopView['how'] {
  return how === 'blocked' || how === 'killed' || how === 'unseen' ? how : 'alerted'
}

/** Which kinds of events a host with these checks and stops observes and stops. */
export function actKindsOfHost(
  checks: readonly DoctorCheck[],
  stops: readonly StopView[] = [],
): DoctorReport['acts'] {
  const lacking = needed.filter((name) => checks.some((check) => check.name === name && !check.ok))
  const seen = lacking.length === 0 ? 'yes' : `no: lacks ${lacking.join(', ')}`
  return Object.entries(classesOf).map(([act, classes]) => ({
    act,
    seen,
    stopped: stopped(classes, stops),
  }))
}

function stopped(classes: readonly string[], stops: readonly StopView[]): string {
  if (stops.length === 0) return 'reported by the running agent'
  const mine = stops.filter(({ act }) => classes.includes(act))
  const hows = new Set(mine.map(({ how }) => how))
  if (hows.size === 1) return mine[0]?.how ?? ''
  return [...hows]
    .map(
      (how) => `${how}: ${mine.flatMap((stop) => (stop.how === how ? [stop.act] : [])).join(', ')}`,
    )
    .join('; ')
}
