import type { Cluster } from './cluster/cluster.ts'

export interface Ephemeral {
  readonly namespace: string
  readonly pod: string
  readonly name: string
  readonly image: string
  readonly command: readonly string[]
  /** Of who adds it; absent: the administrator. */
  readonly by?: string
}

/** `kubectl debug` of the container `web`, which no version of kubectl does on every version of the server. */
export async function addEphemeral(
  cluster: Cluster,
  { namespace, pod, name, image, command, by = cluster.kubeconfig }: Ephemeral,
): Promise<void> {
  const kubectl = (args: readonly string[], input?: string): Promise<string> =>
    cluster.kubectl(['--kubeconfig', by, ...args], input)
  const path = `/api/v1/namespaces/${namespace}/pods/${pod}/ephemeralcontainers`
  const { resources } = JSON.parse(await kubectl(['get', '--raw', '/api/v1'])) as {
    resources: { kind: string }[]
  }
  // Up to 1.21 it is a separate kind.
  if (!resources.some(({ kind }) => kind === 'EphemeralContainers')) {
    const how = ['--image', image, '--target=web', '-c', name, '--profile=general']
    await kubectl(['-n', namespace, 'debug', pod, ...how, '--', ...command])
    return
  }
  const given = JSON.parse(await kubectl(['get', '--raw', path])) as object
  const container = {
    name,
    image,
    command,
    targetContainerName: 'web',
    terminationMessagePolicy: 'File',
    imagePullPolicy: 'IfNotPresent',
  }
  const wanted = { ...given, ephemeralContainers: [container] }
  await kubectl(['replace', '--raw', path, '-f', '-'], JSON.stringify(wanted))
}
