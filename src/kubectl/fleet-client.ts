import { type CliIo, printLine } from '../cli/cli-io.ts'
import { describeError, type ErrorCode, SnugError } from '../errors.ts'
import { decideProfile, type ProfileDecision } from '../fleet/kubernetes/decide.ts'
import type { FleetImage } from '../fleet/fleet-image.ts'
import {
  agentLabel,
  fleetRoot,
  type ImageProfile,
  type ProfileSlice,
  sliceName,
} from '../fleet/kubernetes/fleet-objects.ts'
import { parseImageProfile, parseSlice } from '../fleet/kubernetes/fleet-schema.ts'
import { hasAnswered } from '../fleet/kubernetes/kube-error.ts'
import type { KubeObject, ObjectList } from '../fleet/kubernetes/object.ts'
import type { Pod } from '../fleet/kubernetes/pod.ts'
import { RuntimeClasses } from '../fleet/kubernetes/runtime-classes.ts'
import { clearError } from '../fleet/kubernetes/clear-error.ts'
import type { ClusterAccess } from './cluster-access.ts'
import { safeText } from '../support/safe-text.ts'

const pageRows = 500

/** A pod of Snug's DaemonSet. */
export interface AgentPod {
  readonly name: string
  readonly node: string
  readonly ready: boolean
}

export interface NodeRow {
  readonly name: string
  /** An agent can run there. */
  readonly linux: boolean
}

/** A node that publishes something for a profile. */
export interface Publisher {
  /** Uid of the ImageProfile. */
  readonly profile: string
  readonly node: string
}

/** Where lines for people go, and when to end. */
type ClientIo = Pick<CliIo, 'stderr' | 'signal'>

interface Missing {
  readonly code: ErrorCode
  readonly message: string
}

const noFleet: Missing = {
  code: 'FLEET_MISSING',
  message: 'the cluster does not have the kinds of Snug',
}

/**
 * What `kubectl snug` reads and writes of a cluster.
 *
 * Errors of all: CLUSTER_UNREACHABLE, CLUSTER_FORBIDDEN, KUBE_REFUSED for what the API server refuses otherwise.
 */
export class FleetClient {
  readonly #access: ClusterAccess
  readonly #io: ClientIo

  constructor(access: ClusterAccess, io: ClientIo) {
    this.#access = access
    this.#io = io
  }

  /**
   * Those that this version reads. It prints a line for each other one, and for what only a later version reads of one.
   *
   * Errors: FLEET_MISSING where the cluster does not have the kind.
   */
  async profiles(): Promise<readonly ImageProfile[]> {
    const objects = await this.#fleetObjects('imageprofiles')
    return objects.flatMap((object) => {
      const ignores = (error: unknown): void => this.#ignores(object, error)
      try {
        return parseImageProfile(object, Date.now(), ignores)
      } catch (error) {
        ignores(error)
        return []
      }
    })
  }

  /** Errors: FLEET_MISSING. */
  async publishers(): Promise<readonly Publisher[]> {
    const slices = await this.#fleetObjects('profileslices')
    return slices.flatMap((slice) => {
      const { node } = slice as Partial<{ readonly node: string }>
      const owners = slice.metadata.ownerReferences ?? []
      return node === undefined ? [] : owners.map(({ uid }) => ({ profile: uid, node }))
    })
  }

  /** What a node published first of a version: its progress with holds. Undefined where it published nothing. */
  async slice(image: FleetImage, node: string): Promise<ProfileSlice | undefined> {
    const at = `${fleetRoot}/profileslices/${path(sliceName(image, node, 0))}`
    try {
      return this.#sliceIn((await this.#get(at)) as KubeObject)
    } catch (error) {
      if (hasAnswered(error, 404)) return undefined
      throw error
    }
  }

  /** Those with progress of holds. Errors: FLEET_MISSING. */
  async holdSlices(): Promise<readonly ProfileSlice[]> {
    const slices = await this.#fleetObjects('profileslices')
    return slices
      .filter((slice) => ((slice as Partial<ProfileSlice>).holds ?? []).length > 0)
      .flatMap((slice) => this.#sliceIn(slice) ?? [])
  }

  #sliceIn(object: KubeObject): ProfileSlice | undefined {
    const ignores = (error: unknown): void => this.#ignores(object, error)
    try {
      return parseSlice(object, Date.now(), ignores)
    } catch (error) {
      ignores(error)
      return undefined
    }
  }

  #ignores({ metadata }: KubeObject, error: unknown): void {
    const why = `\`${metadata.name}\` is ignored, or a part of it: ${describeError(error)}`
    printLine(this.#io, `snug: ${safeText(why)} (KUBE_OBJECT_INVALID)`)
  }

  /** Of all namespaces. */
  async allPods(): Promise<readonly Pod[]> {
    return (await this.#list('/api/v1/pods')) as readonly Pod[]
  }

  /** Errors: NAMESPACE_UNKNOWN. */
  async pods(namespace: string): Promise<readonly Pod[]> {
    const pods = await this.#list(`/api/v1/namespaces/${path(namespace)}/pods`)
    // The server lists nothing for a namespace that it does not have.
    if (pods.length === 0) {
      await this.#get(`/api/v1/namespaces/${path(namespace)}`, {
        code: 'NAMESPACE_UNKNOWN',
        message: `no namespace \`${namespace}\``,
      })
    }
    return pods as readonly Pod[]
  }

  /** Errors: POD_UNKNOWN. */
  async pod(namespace: string, name: string): Promise<Pod> {
    const at = `/api/v1/namespaces/${path(namespace)}/pods/${path(name)}`
    const found = await this.#get(at, {
      code: 'POD_UNKNOWN',
      message: `no pod \`${name}\` in the namespace \`${namespace}\``,
    })
    return found as Pod
  }

  /** Runtime classes of the pods, each with its handler where the user may read that. */
  async runtimes(pods: readonly Pod[]): Promise<ReadonlyMap<string, readonly string[]>> {
    const classes = new RuntimeClasses(this.#access.api)
    const names = [...new Set(pods.flatMap(({ spec }) => spec.runtimeClassName ?? []))]
    const runtimes = await Promise.all(names.map((name) => classes.resolve(name)))
    return new Map(names.map((name, at) => [name, runtimes[at] ?? [name]]))
  }

  async nodes(): Promise<readonly NodeRow[]> {
    const nodes = await this.#list('/api/v1/nodes')
    return nodes.map(({ metadata: { name, labels = {} } }) => ({
      name,
      linux: (labels['kubernetes.io/os'] ?? 'linux') === 'linux',
    }))
  }

  async agents(): Promise<readonly AgentPod[]> {
    const at = `/api/v1/namespaces/${path(this.#access.snugNamespace)}/pods`
    const pods = (await this.#list(at, { labelSelector: agentLabel })) as readonly Pod[]
    return pods.map(({ metadata, spec, status }) => ({
      name: metadata.name,
      node: spec.nodeName ?? '',
      ready: (status?.conditions ?? []).some(
        ({ type, status: is }) => type === 'Ready' && is === 'True',
      ),
    }))
  }

  /** Errors: PROFILE_OF_GIT. */
  async decide(decision: ProfileDecision): Promise<ImageProfile> {
    try {
      return await decideProfile(this.#access.api, decision, this.#io.signal)
    } catch (error) {
      throw clearError(error)
    }
  }

  async #fleetObjects(plural: string): Promise<readonly KubeObject[]> {
    return this.#list(`${fleetRoot}/${plural}`, {}, noFleet)
  }

  async #list(
    at: string,
    query: Readonly<Record<string, string>> = {},
    missing?: Missing,
  ): Promise<readonly KubeObject[]> {
    const all: KubeObject[] = []
    let next: string | undefined
    do {
      const page = { ...query, limit: pageRows, continue: next }
      const { metadata, items } = (await this.#ask(at, page, missing)) as ObjectList
      all.push(...(items ?? []))
      next = metadata.continue
    } while (next !== undefined && next !== '')
    return all
  }

  async #get(at: string, missing?: Missing): Promise<unknown> {
    return this.#ask(at, {}, missing)
  }

  async #ask(
    at: string,
    query: Readonly<Record<string, string | number | undefined>>,
    missing?: Missing,
  ): Promise<unknown> {
    try {
      return await this.#access.api.list(at, query, this.#io.signal)
    } catch (error) {
      if (missing !== undefined && hasAnswered(error, 404))
        throw new SnugError(missing.code, missing.message)
      throw clearError(error)
    }
  }
}

/** One part of a path. */
function path(name: string): string {
  return encodeURIComponent(name)
}
