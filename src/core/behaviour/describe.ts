import { classPartText, isOfClass } from './any-program.ts'
import { type Actor, type BehaviourObject, CUT, runtime } from './behaviour.ts'
import { isSockets } from './peer.ts'
import { type User, userText } from './user.ts'

const verbs = {
  read: 'read',
  write: 'write',
  create: 'create',
  delete: 'delete',
  rename: 'rename',
  setattr: 'change attributes of',
  exec: 'map for execution',
} as const

function port({
  protocol,
  port: n,
  drawn,
}: {
  readonly protocol: string
  readonly port: number
  readonly drawn?: true
}): string {
  if (drawn === true && protocol !== 'unix') return ', ports of a range'
  return n === 0 ? '' : `:${n}`
}

function plain(path: string): string {
  return path.replaceAll('<lt>', '<')
}

/** ` -c 'echo hello' …`; of a program of many names the one that it was called as: ` as wget`. */
function argumentsText(shaped: string | undefined): string {
  if (shaped === undefined) return ''
  const [, first = '', ...rest] = shaped.split('\u0000')
  const applet = first.startsWith('<folder>') ? ` as ${first.slice('<folder>'.length)}` : ''
  const more = rest.at(-1) === '<rest>' ? ' …' : ''
  const args = rest
    .slice(0, -1)
    .map((arg) => (/^[\w./:=@%+,<>-]+$/.test(arg) ? arg : `'${arg.replace(CUT, '…')}'`))
  return plain(`${applet}${args.map((arg) => ` ${arg}`).join('')}${more}`)
}

/** Whether shaped arguments are code, or name it: all but those of an applet that runs none. */
export function holdCode(shaped: string): boolean {
  const [, first = '', ...rest] = shaped.split('\u0000')
  return !first.startsWith('<folder>') || rest.join() !== '<rest>'
}

/** The object without its verb, such as `/etc/nginx/nginx.conf` or `tcp 10.0.0.7:5432`. */
export function objectText(object: BehaviourObject): string {
  switch (object.kind) {
    case 'exec': {
      const script = object.script === undefined ? '' : ` (script ${object.script})`
      const drift = object.drift === true ? ' (not from the image)' : ''
      const socket = object.socketStdio === true ? ' (standard streams on sockets)' : ''
      return `${object.path}${argumentsText(object.args)}${script}${drift}${socket}`
    }
    case 'file':
      return object.to === undefined
        ? plain(object.path)
        : `${plain(object.path)} → ${plain(object.to)}`
    case 'connect':
      return `${object.protocol} ${isSockets(object) ? plain(object.peer) : object.peer}${port(object)}`
    case 'listen':
      return `${object.protocol} ${object.address === 'own' ? 'own address' : object.address}${port(object)}`
    case 'identity': {
      const { from, to } = object
      return `uid ${from.uid} → ${to.uid}, gid ${from.gid} → ${to.gid}`
    }
    case 'capability':
      return object.name
    case 'syscall':
      return object.target === undefined ? object.name : `${object.name} ${plain(object.target)}`
  }
}

/** The literal object, as evidence keeps it. */
export function witnessText(object: BehaviourObject, witness: string): string {
  return object.kind === 'exec' ? objectText({ ...object, args: witness }) : witness
}

/** One line for people: `read /etc/nginx/nginx.conf`. Strings of the container are left as they are. */
export function objectLine(object: BehaviourObject): string {
  const text = objectText(object)
  switch (object.kind) {
    case 'exec':
      return `run ${text}`
    case 'file':
      return `${verbs[object.access]} ${text}`
    case 'connect':
      return `connect to ${text}`
    case 'listen':
      return `listen on ${text}`
    case 'identity':
      return `change identity, ${text}`
    case 'capability':
      return `use ${text}`
    case 'syscall':
      return `call ${text}`
  }
}

/** A line of a behaviour with its actor before it: `reads /etc/nginx/nginx.conf`. All these verbs are regular. */
export function doesLine(line: string): string {
  return line.replace(/^[a-z]+/, '$&s')
}

/** The actor's display name: the script, where it is one. */
export function actorText(actor: Actor): string {
  if (actor.exe === runtime.exe) return 'the container runtime'
  if (isOfClass(actor)) return 'any program'
  return actor.script === undefined ? actor.exe : `${actor.script} (${actor.exe})`
}

/** One line for people: who does what, `/usr/sbin/nginx as uid 101: read /etc/nginx/nginx.conf`. */
export function describeBehaviour(b: {
  readonly actor: Actor
  readonly uid: User
  readonly object: BehaviourObject
}): string {
  if (isOfClass(b.actor)) return `any program: ${classPartText(b.object)}`
  return `${actorText(b.actor)} as ${userText(b.uid)}: ${objectLine(b.object)}`
}
