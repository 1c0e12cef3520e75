import { kubectlPatience } from '../fixtures/patience.ts'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import type { PersonView } from '../../src/api/person-views.ts'
import type { Alert } from '../../src/core/event/alert.ts'
import type { SessionPerson } from '../../src/core/person/session-person.ts'
import { Agent } from '../fixtures/agent.ts'
import { busyboxRoot, imageArchive } from '../fixtures/busybox-root.ts'
import { containerdPath } from '../fixtures/runtimes.ts'
import { Cluster } from './cluster/cluster.ts'
import { addEphemeral } from './ephemeral.ts'

/** Users with certificates who enter one container of a real node, and the audit log of the real API server. */
const sh = promisify(execFile)
const isHere = process.env['SNUG_TEST_KUBECONFIG'] === undefined
const onlyHere = ({ skip }: TestContext): void =>
  skip(!isHere, 'the audit log and the nodes of another cluster are elsewhere')
const namespace = 'persons'
const repository = 'localhost/persons'
/** From then on a session of the agent is certain: nobody entered unseen before. */
const wholeAfterMs = 36_000
let cluster: Cluster
let agent: Agent
let since: number
const kubeconfigs = new Map<string, string>()

beforeAll(async () => {
  if (!isHere) return
  cluster = await Cluster.start({ node: true })
  const root = busyboxRoot()
  const archive = imageArchive(`${repository}:1`, root)
  try {
    await cluster.load(archive, repository)
  } finally {
    for (const path of [root, archive]) rmSync(path, { recursive: true, force: true })
  }
  agent = new Agent({
    config: {
      node: 'node1',
      engines: {
        docker: { socket: 'none' },
        podman: { sockets: [] },
        kubernetes: { access: cluster.kubeconfig, auditLog: cluster.auditLog },
      },
    },
  })
  await agent.start()
  since = Date.now()
  await cluster.kubectl(['create', 'namespace', namespace])
  const command = ['/bin/sh', '-c', 'while true; do sleep 1; done']
  const rules = [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    {
      apiGroups: [''],
      resources: ['pods/exec', 'pods/attach', 'pods/portforward'],
      verbs: ['create', 'get'],
    },
    { apiGroups: [''], resources: ['pods/ephemeralcontainers'], verbs: ['get', 'update', 'patch'] },
  ]
  const apiGroup = 'rbac.authorization.k8s.io'
  const users = ['alice', 'bob']
  await cluster.apply(
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', namespace },
      spec: {
        terminationGracePeriodSeconds: 0,
        automountServiceAccountToken: false,
        containers: ['web', 'proxy'].map((name) => ({
          name,
          image: `${repository}:1`,
          imagePullPolicy: 'Never',
          command,
        })),
      },
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'Role',
      metadata: { name: 'enter', namespace },
      rules,
    },
    {
      apiVersion: `${apiGroup}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'enter', namespace },
      roleRef: { apiGroup, kind: 'Role', name: 'enter' },
      subjects: users.map((name) => ({ apiGroup, kind: 'User', name })),
    },
  )
  await cluster.kubectl([
    '-n',
    namespace,
    'wait',
    '--for=condition=Ready',
    'pod/web',
    kubectlPatience,
  ])
  for (const name of users) kubeconfigs.set(name, await cluster.user(name))
  await delay(Math.max(0, since + wholeAfterMs - Date.now()))
})

afterAll(async () => {
  await agent?.[Symbol.asyncDispose]()
  await cluster?.stop()
})

/**
 * A program that the image did not ship, by this name: an alert of each session that runs it. Each has its own file, as
 * one that runs cannot be written.
 */
function dropping(name: string): readonly string[] {
  return ['sh', '-c', `cp /bin/busybox /tmp/${name}-$$ && /tmp/${name}-$$ true; sleep 1`]
}

async function enter(user: string, command: readonly string[], container = 'web'): Promise<void> {
  const who = ['--kubeconfig', kubeconfigs.get(user) ?? '', '-n', namespace]
  await sh('kubectl', [...who, 'exec', 'web', '-c', container, '--', ...command])
}

/** Who began the sessions in which the program ran, once nothing is waited for. */
async function personsOf(name: string, sessions: number): Promise<readonly SessionPerson[]> {
  const found = await agent.until<readonly Alert[]>(
    ['alert', 'list', '--text', `/tmp/${name}`],
    (alerts) => {
      const persons = personsIn(alerts)
      const isOver = persons.every(
        (person) => person.certainty !== 'unknown' || person.why !== 'waiting',
      )
      return isOver && persons.length >= sessions
    },
  )
  return personsIn(found)
}

function personsIn(alerts: readonly Alert[]): readonly SessionPerson[] {
  const sessions = new Map(
    alerts.flatMap((alert) => alert.sessions ?? []).map((one) => [one.id, one]),
  )
  return [...sessions.values()].map(({ person }) => person)
}

describe('a session that begins with `kubectl exec`', () => {
  beforeEach(onlyHere)

  it('has its user, of two at once in one container', async () => {
    await Promise.all([enter('alice', dropping('one')), enter('bob', dropping('two'))])
    expect(await personsOf('one', 1)).toMatchObject([
      { name: 'alice', certainty: 'certain', candidates: 1, from: '127.0.0.1' },
    ])
    expect(await personsOf('two', 1)).toMatchObject([{ name: 'bob', certainty: 'certain' }])
  })

  it('has its user although kubectl asks twice where a WebSocket is refused', async () => {
    const asked = cluster.audit().filter(({ requestURI }) => requestURI.includes('/exec?'))
    // Debian's kubectl is newer than its API server.
    const verbs = new Set(asked.map(({ verb }) => verb))
    expect([...verbs].sort()).toEqual(['create', 'get'])
    expect(new Set(asked.map(({ responseStatus }) => responseStatus.code))).toEqual(new Set([101]))
  })

  it('has its user, of two at once with one command in two containers', async () => {
    const command = dropping('both')
    await Promise.all([enter('alice', command), enter('bob', command, 'proxy')])
    const persons = await personsOf('both', 2)
    expect(persons.map((person) => person.certainty)).toEqual(['certain', 'certain'])
    expect(persons).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'alice' }),
        expect.objectContaining({ name: 'bob' }),
      ]),
    )
  })

  it('has nobody, of two at once with one command in one container', async () => {
    const command = dropping('same')
    await Promise.all([enter('alice', command), enter('bob', command)])
    const none = { certainty: 'unknown', why: 'several-persons', candidates: 2 }
    expect(await personsOf('same', 2)).toEqual([none, none])
  })

  it('has nobody where it came past the API server', async () => {
    const id = await cluster.json<{
      readonly status: {
        readonly containerStatuses: readonly { name: string; containerID: string }[]
      }
    }>(['-n', namespace, 'get', 'pod', 'web'])
    const { containerID = '' } =
      id.status.containerStatuses.find(({ name }) => name === 'web') ?? {}
    const tasks = [
      '-a',
      cluster.sockets.runtime,
      '-n',
      'k8s.io',
      'tasks',
      'exec',
      '--exec-id',
      'e1',
    ]
    const env = { ...process.env, PATH: containerdPath() }
    const command = dropping('past')
    await sh('ctr', [...tasks, containerID.replace('containerd://', ''), ...command], { env })
    expect(await personsOf('past', 1)).toEqual([
      { certainty: 'unknown', why: 'no-request', candidates: 0 },
    ])
  })

  it('is an ephemeral container, and has the user who added it', async () => {
    await addEphemeral(cluster, {
      namespace,
      pod: 'web',
      name: 'debugger',
      image: `${repository}:1`,
      command: dropping('debug'),
      by: kubeconfigs.get('bob') ?? '',
    })
    expect(await personsOf('debug', 1)).toMatchObject([
      { name: 'bob', certainty: 'certain', candidates: 1 },
    ])
  })

  it('is in the view of what its person did', async () => {
    const [alice] = await agent.json<readonly PersonView[]>(['person', 'alice'])
    expect(alice).toMatchObject({ name: 'alice', sessions: 2, from: ['127.0.0.1'] })
    expect(alice?.containers.map(({ name }) => name)).toEqual(['web/web'])
    const alerts = await agent.json<readonly Alert[]>(['alert', 'list', '--person', 'bob'])
    expect(new Set(alerts.map(({ container }) => container?.name))).toEqual(
      new Set(['web/web', 'web/proxy', 'web/debugger']),
    )
  })
})

describe('who enters a pod without a program that begins in it', () => {
  beforeEach(onlyHere)

  /** As a person who ends it by a key. */
  async function entered(user: string, ...args: readonly string[]): Promise<void> {
    const who = ['--kubeconfig', kubeconfigs.get(user) ?? '', '-n', namespace]
    const child = spawn('kubectl', [...who, ...args], { stdio: 'ignore' })
    const ended = once(child, 'exit')
    try {
      await agent.until<readonly PersonView[]>(['person', user], ([person]) =>
        (person?.entrances ?? []).some(({ kind }) => kind === args[0]),
      )
    } finally {
      child.kill()
      await ended
    }
  }

  it('is named with the way, the pod and the time, by `kubectl attach` and `port-forward`', async () => {
    await entered('alice', 'attach', 'web', '-c', 'proxy')
    await entered('bob', 'port-forward', 'pod/web', ':80')
    const place = `${namespace}/web`
    const [alice] = await agent.json<readonly PersonView[]>(['person', 'alice'])
    const attached = { kind: 'attach', place, container: 'proxy', from: '127.0.0.1' }
    expect(alice?.entrances[0]).toMatchObject(attached)
    expect(Date.parse(alice?.entrances[0]?.began ?? '')).toBeGreaterThan(since)
    const [bob] = await agent.until<readonly PersonView[]>(['person', 'bob'], ([person]) =>
      (person?.entrances ?? []).every(({ ended }) => ended !== undefined),
    )
    expect(new Set(bob?.entrances.map(({ kind }) => kind))).toEqual(new Set(['port-forward']))
    expect(bob?.entrances[0]).toMatchObject({ place, from: '127.0.0.1' })
  })
})
