import type { Alert } from '../../src/event/alert.ts'
import type { ProcessRef, SnugEvent } from '../../src/event/event.ts'
import { type AuditNotice, auditNotice } from '../../src/event/notice.ts'
import { AuditChain, hashOf } from '../../src/store/audit-chain.ts'

export const product = { vendor: 'Snug', name: 'snug', version: '0.1.0' }

const time = '2026-11-24T13:40:27.123456Z'
const container = { id: '40e58b946edd'.padEnd(64, '0'), name: 'web-1' }
const image = {
  repository: 'registry.local/shop/web',
  tag: '1.4',
  digest: `sha256:${'a1'.repeat(32)}`,
}
const workload = { namespace: 'shop', kind: 'Deployment', name: 'web', pod: 'web-7c9-x2x' }
const process: ProcessRef = {
  pid: 812,
  ppid: 790,
  exe: '/usr/sbin/nginx',
  args: ['nginx', '-g', 'daemon off;'],
  uid: 101,
  gid: 101,
  parent: '/docker-entrypoint.sh',
  ancestors: ['/docker-entrypoint.sh'],
  origin: 'entrypoint',
}
const act = { v: 1, time, node: 'n1', source: 'ebpf', container, image, workload, process } as const

function alertOf(id: string, event: SnugEvent, change: Partial<Alert> = {}): Alert {
  return {
    schema: 'snug.alert/v1',
    id,
    time,
    node: 'n1',
    severity: 'high',
    type: 'deviation',
    action: 'alerted',
    reasons: ['this image never did that', 'its nearest behaviour is another'],
    nearest: null,
    behaviour: { id: 'b-1', kind: event.kind, object: 'the object', text: 'do the act' },
    image,
    container,
    workload,
    ...(event.kind === 'loss' ? {} : { process: event.process }),
    event,
    count: 1,
    firstSeen: time,
    lastSeen: time,
    mode: 'alert',
    guardrails: [],
    attack: [],
    ...change,
  }
}

/** Names and arguments that would end a line, start a record, or steer a terminal. */
export const hostile = [
  'x\n<13>1 2026-11-24T00:00:00Z evil app - - - forged',
  '\r\nCEF:0|Evil|x|1|1|1|1|',
  '\u001b[2J\u001b]0;owned\u0007',
  'a=b|c\\d"e\'f{}[],:;%&',
  '\u009b31m\u202egnp.exe\u2028\u2029\u0000\u007f\t',
  '\\xff\\xfe\\',
  '\ud800 alone',
].join(' ')

const exec = alertOf(
  '01KAVS0000000000000000EXEC',
  { ...act, kind: 'exec', exec: { path: '/bin/sh', drift: false } },
  {
    type: 'guardrail',
    action: 'killed',
    severity: 'critical',
    mode: 'block',
    behaviour: { id: 'b-2', kind: 'exec', object: '/bin/sh', text: 'run /bin/sh' },
    nearest: { id: 'b-3', kind: 'exec', object: '/usr/bin/id', text: 'run /usr/bin/id' },
    guardrails: ['shell-on-socket'],
    attack: ['T1059.004'],
  },
)
const file = alertOf(
  '01KAVS0000000000000000FILE',
  {
    ...act,
    kind: 'file',
    file: { path: '/etc/shadow', access: ['read', 'rename'], to: '/tmp/shadow', denied: true },
    enforced: 'blocked',
  },
  {
    action: 'blocked',
    severity: 'medium',
    behaviour: { id: 'b-4', kind: 'file', object: '/etc/shadow', text: 'read /etc/shadow' },
    nearest: { id: 'b-5', kind: 'file', object: '/etc/passwd', text: 'read /etc/passwd' },
    count: 7,
    lastSeen: '2026-11-24T13:41:00.000000Z',
  },
)
const connect = alertOf(
  '01KAVS000000000000000CONNE',
  {
    ...act,
    kind: 'connect',
    connect: { protocol: 'tcp', address: '2001:db8::7', port: 5432, name: 'user-db.shop' },
  },
  {
    decision: { kind: 'acknowledged', by: 'cli:root', at: time, reason: 'known' },
    severity: 'low',
  },
)
const listen = alertOf('01KAVS00000000000000LISTEN', {
  ...act,
  kind: 'listen',
  listen: { protocol: 'tcp', address: '0.0.0.0', port: 4444 },
})
const identity = alertOf('01KAVS000000000000IDENTITY', {
  ...act,
  kind: 'identity',
  identity: { from: { uid: 101, gid: 101 }, to: { uid: 0, gid: 0 } },
})
const capability = alertOf('01KAVS0000000000CAPABILITY', {
  ...act,
  kind: 'capability',
  capability: { name: 'CAP_NET_RAW' },
})
const syscall = alertOf('01KAVS0000000000000SYSCALL', {
  ...act,
  kind: 'syscall',
  syscall: { name: 'mount', target: '/proc', denied: true },
})
const {
  image: _,
  container: __,
  workload: ___,
  ...lossAlert
} = alertOf(
  '01KAVS0000000000000000LOSS',
  {
    v: 1,
    time,
    node: 'n1',
    source: 'ebpf',
    kind: 'loss',
    loss: { reason: 'ring-full', count: 41, from: time, to: time },
  },
  { type: 'loss', behaviour: null, reasons: ['41 events were lost'] },
)
const nasty = hostileAlert(hostile)

export function hostileAlert(text: string, id = '01KAVS00000000000000000EVIL'): Alert {
  return alertOf(
    id,
    {
      ...act,
      container: { ...container, name: text },
      image: { ...image, repository: text, tag: text },
      process: { ...process, exe: `/${text}`, args: [text, text], parent: text, ancestors: [text] },
      kind: 'file',
      file: { path: `/tmp/${text}`, access: ['create'] },
    },
    {
      reasons: [text],
      container: { ...container, name: text },
      image: { ...image, repository: text, tag: text },
      workload: { name: text, namespace: text, pod: text },
      behaviour: { id: 'b-6', kind: 'file', object: `/tmp/${text}`, text: `create /tmp/${text}` },
      guardrails: [],
    },
  )
}

/** One of each kind, and what is between them. */
export const sampleAlerts: readonly Alert[] = [
  exec,
  file,
  connect,
  listen,
  identity,
  capability,
  syscall,
  lossAlert,
  nasty,
]

/** Entries of a chain whose reasons and names are `text`. */
export function sampleAudits(text = 'because'): readonly AuditNotice[] {
  const chain = new AuditChain()
  return ['mode', 'break-glass', 'token-create', 'token-remove'].flatMap((what, at) => {
    const id = `01KAVS0000000000000000AUD${at}`
    const image = { image: `${text}@sha256:${'a1'.repeat(32)}` }
    const facts = { id, time, what, who: 'cli:root', reason: text, name: text, ...image }
    const entry = chain.append(facts)
    return auditNotice(entry, hashOf(entry), 'n1') ?? []
  })
}
