import { kubectlPatience } from '../fixtures/patience.ts'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ActEvent } from '../../src/core/event/event.ts'
import { imageKey } from '../../src/core/event/image-key.ts'
import type { BehaviourView, ProfileView } from '../../src/api/profile-views.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type { LineageView } from '../../src/api/version-views.ts'
import type { Author } from '../../src/core/lifecycle/author.ts'
import type { DecisionAction, SpecEntry } from '../../src/core/lifecycle/decided-spec.ts'
import { profileName } from '../../src/fleet/fleet-image.ts'
import type { Mode } from '../../src/core/lifecycle/mode.ts'
import { Agent } from '../fixtures/agent.ts'
import type { Cluster } from './cluster/cluster.ts'

const crds = fileURLToPath(new URL('../../deploy/kubernetes/crds', import.meta.url))

type Rows = readonly BehaviourView[]
type Wish = (rows: Rows) => boolean

/** A version that no other test uses, and its object in the cluster. */
export class FleetImage {
  readonly repository = 'shop/web'
  readonly tag = '1'
  readonly digest: string
  readonly ref: string
  readonly name: string
  /** The namespace of its containers; absent: they have none. */
  readonly scope: string | undefined
  readonly #cluster: Cluster
  readonly #decisions = new Map<string, SpecEntry>()

  constructor(
    cluster: Cluster,
    { digest = `sha256:${randomBytes(32).toString('hex')}`, scope }: Partial<FleetImage> = {},
  ) {
    this.#cluster = cluster
    this.digest = digest
    this.scope = scope
    const { repository } = this
    const image = { repository, digest, ...(scope === undefined ? {} : { scope }) }
    this.ref = imageKey(image)
    this.name = profileName(image)
  }

  /** As a person writes it by hand. */
  async patch(spec: object): Promise<void> {
    const object = `imageprofile/${this.name}`
    const patch = JSON.stringify({ spec })
    await this.#cluster.kubectl(['patch', object, '--type=merge', '-p', patch])
  }

  async setMode(value: Mode): Promise<void> {
    await this.patch({ mode: { value, ...now() } })
  }

  /** By server-side apply, as git does it: each time with all that was decided so before. */
  async decide(action: DecisionAction, ...ids: readonly string[]): Promise<void> {
    for (const behaviour of ids) this.#decisions.set(behaviour, { behaviour, action, ...now() })
    await this.apply({ decisions: [...this.#decisions.values()] })
  }

  async apply(
    spec: object,
    args: readonly string[] = ['--force-conflicts'],
    verb: 'apply' | 'diff' = 'apply',
  ): Promise<void> {
    const { repository, digest, scope } = this
    const image = { repository, digest, ...(scope === undefined ? {} : { scope }) }
    const object = {
      apiVersion: 'snug.dev/v1alpha1',
      kind: 'ImageProfile',
      metadata: { name: this.name },
      spec: { image, ...spec },
    }
    const by = ['--server-side', `--field-manager=${applier}`]
    await this.#cluster.kubectl([verb, ...by, ...args, '-f', '-'], JSON.stringify(object))
  }
}

/** The author of the decisions that tests write, and its field manager. */
export const applier = 'ann'

export function now(): Author {
  return { by: applier, at: new Date().toISOString() }
}

export async function installKinds(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-k', crds])
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', kubectlPatience])
}

/** The version of a node's containers, in whichever fleet. */
export interface NodeImage {
  readonly repository: string
  readonly tag: string
  readonly digest: string
  readonly ref: string
  readonly scope: string | undefined
}

interface FleetNodeOptions {
  /** Another program to run it by than Node itself. */
  readonly node?: string
  /** Of this node, where it runs already. */
  readonly agent?: Agent
  /** Laid over the configuration of the agent. */
  readonly config?: object
}

/** An agent with its own data, to which the test sends events. deployment.test.ts takes events from the kernel. */
export class FleetNode {
  readonly agent: Agent
  readonly #name: string
  readonly #image: NodeImage

  /** `access`: a kubeconfig, or `pod`. */
  constructor(
    name: string,
    access: string,
    image: NodeImage,
    { node, agent, config = {} }: FleetNodeOptions = {},
  ) {
    this.#name = name
    this.#image = image
    this.agent =
      agent ??
      new Agent({
        ...(node === undefined ? {} : { node }),
        config: {
          node: name,
          sources: ['file:/dev/null'],
          kernelState: 'none',
          ...config,
          engines: {
            docker: { socket: 'none' },
            kubernetes: { access, share: true, shareWithin: '2s' },
          },
        },
      })
  }

  /** The same node, for another image. */
  of(image: NodeImage): FleetNode {
    return new FleetNode(this.#name, '', image, { agent: this.agent })
  }

  /** A container of the node opened these. */
  async opened(...paths: readonly string[]): Promise<void> {
    const id = randomBytes(32).toString('hex')
    const { repository, tag, digest, scope } = this.#image
    const workload = scope === undefined ? {} : { workload: { namespace: scope, name: 'web' } }
    const events = paths.map(
      (path): ActEvent => ({
        v: 1,
        kind: 'file',
        time: new Date().toISOString().replace('Z', '000Z'),
        node: this.#name,
        source: 'ebpf',
        container: { id, name: 'web' },
        image: { repository, tag, digest },
        ...workload,
        process: { pid: 1, exe: '/usr/sbin/web', uid: 0, origin: 'entrypoint' },
        file: { path, access: ['read'] },
      }),
    )
    const file = join(this.agent.folder, 'events.ndjson')
    writeFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    const result = await this.agent.cli(['event', 'replay', file])
    // 2: there was a deviation.
    if (result.code !== 0 && result.code !== 2) throw new Error(result.stderr)
  }

  async rows(good: Wish): Promise<Rows> {
    const { behaviours } = await this.agent.until<ProfileView>(
      ['profile', 'show', this.#image.ref],
      ({ behaviours: rows }) => good(rows),
    )
    return behaviours
  }

  async idOf(path: string): Promise<string> {
    const rows = await this.rows(has(path))
    return rows.find(({ text }) => text === `read ${path}`)?.id ?? ''
  }

  async reject(path: string): Promise<void> {
    const id = await this.idOf(path)
    const result = await this.agent.cli(['profile', 'reject', this.#image.ref, '--behaviour', id])
    if (result.code !== 0) throw new Error(result.stderr)
  }

  async endLearning(): Promise<void> {
    const result = await this.agent.cli(['profile', 'end-learning', this.#image.ref])
    if (result.code !== 0) throw new Error(result.stderr)
  }

  async setMode(mode: 'learn' | 'alert' | 'block'): Promise<void> {
    const result = await this.agent.cli(['profile', 'mode', this.#image.ref, mode])
    if (result.code !== 0) throw new Error(result.stderr)
  }

  /** The audit entry of the latest mode that a person or git set. */
  async lastMode(): Promise<AuditView | undefined> {
    const entries = await this.agent.json<AuditView[]>(['audit', 'list'])
    return entries.find(({ what }) => what === 'mode')
  }

  /** Resolves once it is in that mode, with why. */
  async modeIs(mode: string): Promise<string> {
    const view = await this.agent.until<LineageView>(
      ['image', 'show', this.#image.ref],
      ({ versions }) => versions[0]?.mode === mode,
    )
    return view.versions[0]?.because ?? ''
  }
}

export const has =
  (...paths: string[]): Wish =>
  (rows) =>
    paths.every((path) => rows.some(({ text }) => text === `read ${path}`))

export const stateIs =
  (path: string, state: string): Wish =>
  (rows) =>
    rows.some((row) => row.text === `read ${path}` && row.state === state)
