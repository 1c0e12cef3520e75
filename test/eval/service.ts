import type Docker from 'dockerode'

/** Six kinds, so that no kind of program speaks for all of them. */
export const kinds = ['web', 'data', 'mail', 'app', 'job', 'net'] as const
export type Kind = (typeof kinds)[number]

export const kindTitles: Readonly<Record<Kind, string>> = {
  web: 'web servers and proxies',
  data: 'databases and key-value stores',
  mail: 'mail, messages and queues',
  app: 'applications in a language runtime',
  job: 'files, builds and scheduled jobs',
  net: 'network and infrastructure',
}

/** Two loads of the same kind that differ in users, names, sizes, errors and restarts. */
export const loads = ['A', 'B'] as const
export type LoadName = (typeof loads)[number]

/** How a load reaches its service. */
export interface Reach {
  readonly address: string
  /** A folder of the host that the service sees as `/srv/host`. */
  readonly folder: string
  /** A web server of the evaluation's, which the service reaches: `ADDRESS:PORT`. */
  readonly origin: string
}

export interface Place extends Reach {
  readonly docker: Docker
  readonly container: Docker.Container
}

/** The definition of a service made from Debian packages. */
export interface Service {
  readonly name: string
  readonly kind: Kind
  /** The evaluated packages. `uses` are further runtimes and tools, whose names are common words. */
  readonly packages: readonly string[]
  readonly uses?: readonly string[]
  /** Path in the image → content; executable where the content begins with `#!`. */
  readonly files?: Readonly<Record<string, string>>
  /** Shell commands while the image is built. */
  readonly build?: readonly string[]
  /** The shell script that the container starts with; its last line runs the service by `exec`. */
  readonly start: string
  /** The image's user; root otherwise. */
  readonly user?: string
  /** Ready once this port accepts a connection. */
  readonly port?: number
  /** The data folder of the service, a target of the attacks. */
  readonly data: string
  readonly capabilities?: readonly string[]
  /** Once after each start, before the first helping. */
  readonly ready?: (at: Place) => Promise<void>
  /** One helping of requests. It is repeated until the round is over. */
  readonly load: Readonly<Record<LoadName, (at: Place) => Promise<void>>>
  /** Operations, once a round: reload, rotation, backup, upgrade of data. */
  readonly maintain?: (at: Place, load: LoadName) => Promise<void>
  /** Set where the service has jobs each minute: the minimum length of half a round. */
  readonly periodMs?: number
}
