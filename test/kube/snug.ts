import type { Cluster } from './cluster/cluster.ts'
import type { Alert } from '../../src/event/alert.ts'
import type {
  BehaviourView,
  LineageView,
  ProfileView,
  StatusView,
  VersionView,
} from '../../src/flow/engine-views.ts'

const agent = ['-n', 'snug', 'exec', 'ds/snug-agent', '--']

/** The agent of a cluster's node, by the command line in its own pod. */
export class SnugInCluster {
  readonly #cluster: Cluster

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async run(args: readonly string[]): Promise<string> {
    return this.#cluster.kubectl([...agent, 'snug', ...args])
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run([...args, '-o', 'json'])) as T
  }

  status(): Promise<StatusView> {
    return this.json(['status'])
  }

  async version(image: string): Promise<VersionView> {
    const { versions } = await this.json<LineageView>(['image', 'show', image])
    const [newest] = [...versions].sort((a, b) => (a.firstSeen < b.firstSeen ? 1 : -1))
    if (newest === undefined) throw new Error(`no version of ${image}`)
    return newest
  }

  async behaviours(image: string): Promise<readonly BehaviourView[]> {
    return (await this.json<ProfileView>(['profile', 'show', image])).behaviours
  }

  alerts(): Promise<readonly Alert[]> {
    return this.json(['alert', 'list'])
  }
}
