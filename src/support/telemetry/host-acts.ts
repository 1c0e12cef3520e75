import type { DoctorCheck, DoctorReport, StopView } from '../../engine/api/engine-views.ts'

const needed = ['kernel', 'btf', 'rights', 'lockdown', 'cgroup-v2'] as const

/** Classes of acts that a host stops, or cannot stop, as one; the sensor names them so. */
const stopClasses = {
  exec: 'running a program',
  open: 'opening, creating or writing a file',
  delete: 'deleting a file or folder',
  rename: 'renaming or moving a file',
  truncate: 'truncating a file by its path',
  link: 'making a link, a folder or a device node',
  connect: 'connecting by TCP or UDP',
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
  file: ['open', 'delete', 'rename', 'truncate', 'link'],
  connect: ['connect', 'send', 'unix'],
  listen: ['bind', 'listen'],
  identity: ['identity'],
  capability: ['capability'],
  syscall: ['call'],
}

type Facts = Readonly<Record<string, string>>

/**
 * What a deviation gets on this host in mode block, for each class of acts, from what the running sources say
 * (`stop.exec: blocked`); nothing where none says anything.
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

/** What is not said to be stopped is not. */
function howOf(how: string | undefined): StopView['how'] {
  return how === 'blocked' || how === 'killed' ? how : 'alerted'
}

/** What of each kind of act will be seen and stopped on a host with these checks and these stops. */
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
