import { kubeAccess } from '../../../src/fleet/kubernetes/access.ts'
import { exchange, textOf } from '../../../src/fleet/kubernetes/transport.ts'

/** What an API server has counted since its start; of requests and events only those of the fleet's objects. */
export interface ServerCounts {
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly writes: number
  readonly writesOfStatus: number
  readonly reads: number
  /** Sent to watches. */
  readonly events: number
  readonly eventBytes: number
  readonly watches: number
  readonly cpuSeconds: number
  readonly residentBytes: number
}

const writeVerbs = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE'])
const kinds = new Set(['imageprofiles', 'profileslices'])
const longest = 64 << 20

/** Reads them with the rights of an administrator. */
export async function serverCounts(kubeconfig: string): Promise<ServerCounts> {
  const access = kubeAccess(kubeconfig)
  const answer = await exchange(access, { method: 'GET', url: new URL('/metrics', access.server) })
  const lines = (await textOf(answer, longest)).split('\n').flatMap((line) => lineOf(line) ?? [])
  const sum = (name: string, isCounted: (labels: Labels) => boolean = () => true): number =>
    lines
      .filter((each) => each.name === name && isCounted(each.labels))
      .reduce((total, { value }) => total + value, 0)
  const isOurs = ({ resource = '' }: Labels): boolean => kinds.has(resource)
  const isWrite = (labels: Labels): boolean =>
    isOurs(labels) && writeVerbs.has(labels['verb'] ?? '')
  const isFleet = ({ group = '' }: Labels): boolean => group === 'snug.dev'
  return {
    atMs: Date.now(),
    writes: sum('apiserver_request_total', isWrite),
    writesOfStatus: sum(
      'apiserver_request_total',
      (labels) => isWrite(labels) && labels['subresource'] === 'status',
    ),
    reads: sum(
      'apiserver_request_total',
      (labels) => isOurs(labels) && ['GET', 'LIST', 'WATCH'].includes(labels['verb'] ?? ''),
    ),
    events: sum('apiserver_watch_events_total', isFleet),
    eventBytes: sum('apiserver_watch_events_sizes_sum', isFleet),
    watches: sum('apiserver_registered_watchers', isFleet),
    cpuSeconds: sum('process_cpu_seconds_total'),
    residentBytes: sum('process_resident_memory_bytes'),
  }
}

type Labels = Readonly<Record<string, string>>

interface Line {
  readonly name: string
  readonly labels: Labels
  readonly value: number
}

/** A line of Prometheus' text format. */
function lineOf(text: string): Line | undefined {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(text) ?? []
  if (name === undefined) return undefined
  const pairs = [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, of]) => [key, of])
  return { name, labels: Object.fromEntries(pairs) as Labels, value: Number(value) }
}
