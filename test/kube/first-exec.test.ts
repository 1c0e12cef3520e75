import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TestContext } from 'vitest'
import type { StatusView } from '../../src/api/status-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import { Agent } from '../fixtures/agent.ts'
import { busyboxRoot, imageArchive } from '../fixtures/busybox-root.ts'
import { setMode } from '../fixtures/learned-agent.ts'
import { misledConfig, misledService, untilArmed } from '../fixtures/misled-service.ts'
import { isNewer } from '../fixtures/runtimes.ts'
import { Cluster } from './cluster/cluster.ts'

/**
 * New pods whose first program is forbidden, on a real node. The agent runs on this machine, which is the node. What the
 * program would have done is looked for in a folder of the machine.
 */
// A cluster that is given from outside has its nodes, and its runtime's socket, on other machines.
const isHere = process.env['SNUG_TEST_KUBECONFIG'] === undefined
const onlyHere = ({ skip }: TestContext): void =>
  skip(!isHere, 'the nodes of another cluster are other machines')
const namespace = 'first-exec'
const blocked = 'localhost/first-blocked'
const other = 'localhost/first-other'
/** In one pod: the kubelet starts them one after another. */
const inPod = 17
let cluster: Cluster
let agent: Agent
let marks: string

beforeAll(async () => {
  if (!isHere) return
  marks = mkdtempSync('/var/tmp/snug-first-exec-')
  cluster = await Cluster.start({ node: true })
  for (const repository of [blocked, other]) {
    const root = busyboxRoot({
      '/bin/other': '#!/bin/sh\necho ran >"/marks/$MARK"\n',
      '/etc/of': repository,
    })
    const archive = imageArchive(`${repository}:1`, root)
    try {
      await cluster.load(archive, repository)
    } finally {
      for (const path of [root, archive]) rmSync(path, { recursive: true, force: true })
    }
  }
  const { nri, runtime } = cluster.sockets
  agent = new Agent({
    config: {
      node: 'node1',
      engines: {
        docker: { socket: 'none' },
        podman: { sockets: [] },
        kubernetes: { access: cluster.kubeconfig, nri, runtime },
      },
      ...misledConfig,
    },
  })
  await agent.start()
  await cluster.kubectl(['create', 'namespace', namespace])
  await run('service', [{ image: blocked, command: misledService }])
  await learned()
  await setMode(agent, `${blocked}:1`, 'block')
  await untilArmed(agent, `${blocked}:1`)
})

afterAll(async () => {
  await agent?.[Symbol.asyncDispose]()
  await cluster?.stop()
  if (marks !== undefined) rmSync(marks, { recursive: true, force: true })
})

async function learned(): Promise<void> {
  await agent.until<LineageView>(
    ['image', 'show', `${blocked}:1`],
    (lineage) => lineage.versions[0]?.mode === 'alert',
  )
}

interface Asked {
  readonly image: string
  readonly command: readonly string[]
}

interface PodSeen {
  readonly status: {
    readonly phase: string
    readonly containerStatuses?: readonly {
      readonly state: { readonly terminated?: Ended }
    }[]
  }
}

type RestartPolicy = 'Never' | 'OnFailure'

/** Its containers may leave marks in the folder. */
async function run(
  name: string,
  containers: readonly Asked[],
  restartPolicy: RestartPolicy = 'Never',
): Promise<void> {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace },
    spec: {
      restartPolicy,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: containers.map(({ image, command }, index) => ({
        name: `c${index}`,
        image: `${image}:1`,
        imagePullPolicy: 'Never',
        command,
        env: [{ name: 'MARK', value: `${name}-${index}` }],
        volumeMounts: [{ name: 'marks', mountPath: '/marks' }],
      })),
      volumes: [{ name: 'marks', hostPath: { path: marks, type: 'Directory' } }],
    },
  })
}

interface Ended {
  readonly exitCode: number
  readonly message?: string
}

/** Runs pods whose containers all have the program as their first. Gives how each has ended. */
async function firstPrograms(
  image: string,
  names: readonly string[],
  restartPolicy?: RestartPolicy,
): Promise<readonly Ended[]> {
  const containers = Array.from({ length: inPod }, () => ({ image, command: ['/bin/other'] }))
  await Promise.all(names.map((name) => run(name, containers, restartPolicy)))
  const pods = await Promise.all(
    names.map((name) =>
      cluster.until(
        `the end of ${name}`,
        () => cluster.json<PodSeen>(['-n', namespace, 'get', 'pod', name]),
        ({ status: { phase } }) => phase === 'Succeeded' || phase === 'Failed',
      ),
    ),
  )
  for (const name of names) await cluster.kubectl(['-n', namespace, 'delete', 'pod', name])
  return pods.flatMap(({ status }) =>
    (status.containerStatuses ?? []).map(({ state }) => {
      if (state.terminated === undefined)
        throw new Error('a container of an ended pod has not ended')
      return state.terminated
    }),
  )
}

/** What the programs have left since the last time. */
function taken(): number {
  const names = readdirSync(marks)
  for (const name of names) rmSync(join(marks, name))
  return names.length
}

/** A new agent on the same data, with another configuration. */
async function again(change: (config: AgentConfig) => void): Promise<void> {
  await agent.stop()
  const config = JSON.parse(readFileSync(agent.config, 'utf8')) as AgentConfig
  change(config)
  writeFileSync(agent.config, JSON.stringify(config))
  await agent.start()
  await untilRegistered()
}

interface AgentConfig {
  readonly block: Record<string, unknown>
  readonly engines: { readonly kubernetes: Record<string, unknown> }
}

async function untilRegistered(): Promise<void> {
  await agent.until<StatusView>(['status'], ({ engines }) =>
    engines.some(({ name, state }) => name === 'nri' && state === 'running'),
  )
}

const failed = ({ exitCode }: Ended): boolean => exitCode !== 0
const ran = (ended: Ended): boolean => !failed(ended)

describe('a new pod of a version in block mode', () => {
  beforeEach(onlyHere)

  it('never runs a forbidden first program', async () => {
    await untilRegistered()
    const names = ['forbidden-1', 'forbidden-2', 'forbidden-3']
    const ends = await firstPrograms(blocked, names)
    expect(taken()).toBe(0)
    expect(ends.filter(failed)).toHaveLength(names.length * inPod)
  })

  it('of another image runs the same program', async () => {
    const ends = await firstPrograms(other, ['allowed'])
    expect(taken()).toBe(inPod)
    expect(ends.filter(ran)).toHaveLength(inPod)
  })

  it('starts while the agent does not answer, and is blocked again once it does', async () => {
    process.kill(agent.pid, 'SIGSTOP')
    try {
      const ends = await firstPrograms(other, ['unanswered'])
      expect(ends.filter(ran)).toHaveLength(inPod)
      expect(taken()).toBe(inPod)
    } finally {
      process.kill(agent.pid, 'SIGCONT')
    }
    await untilRegistered()
    expect((await firstPrograms(blocked, ['answered'])).filter(failed)).toHaveLength(inPod)
    expect(taken()).toBe(0)
  })

  it('is blocked from its first program after a restart of the agent', async () => {
    await agent.kill()
    await agent.start()
    await untilRegistered()
    expect((await firstPrograms(blocked, ['restarted'])).filter(failed)).toHaveLength(inPod)
    expect(taken()).toBe(0)
  })
})

describe('with `block.failClosed`, a new pod', () => {
  beforeEach(onlyHere)

  it('of a known version runs what it may', async () => {
    await again(({ block }) => (block['failClosed'] = true))
    // With containerd 2 the agent may learn of a sandbox too late: then the kubelet makes another.
    const ends = await firstPrograms(other, ['closed'], isNewer ? 'OnFailure' : 'Never')
    expect(ends.filter(ran)).toHaveLength(inPod)
    expect(taken()).toBe(inPod)
  })

  it('does not start where the agent cannot identify it', async () => {
    await again(({ engines }) => (engines.kubernetes['runtime'] = join(marks, 'none.sock')))
    const ends = await firstPrograms(other, ['unknown'])
    expect(taken()).toBe(0)
    expect(ends.filter(failed)).toHaveLength(inPod)
    const because = (reason: RegExp): number =>
      ends.filter(({ message = '' }) => reason.test(message)).length
    // Of containerd 2 the agent refuses a container, and not a sandbox: the kernel ends that.
    if (isNewer)
      expect(because(/block\.failClosed|sandbox container .* is not running/)).not.toBe(0)
    else expect(because(/block\.failClosed/)).toBe(inPod)
  })
})
