import { createSign } from 'node:crypto'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Cluster } from './cluster/cluster.ts'

const issuer = 'https://kubernetes.default.svc'
/** By so much a server lets clocks differ, and takes a token after its end. */
const leewaySeconds = 60

/** A token that the server takes for so many seconds. */
export type Mint = (seconds: number) => string

/** Tokens of a service account as the cluster's own API server issues them, but for ten minutes at the least. */
export async function mintOf(cluster: Cluster, namespace: string, name: string): Promise<Mint> {
  const account = ['-n', namespace, 'get', 'serviceaccount', name]
  const { metadata } = await cluster.json<{ metadata: { uid: string } }>(account)
  const key = cluster.pki('sa.key')
  const coded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')
  return (seconds) => {
    const now = Math.floor(Date.now() / 1_000)
    const claims = {
      iss: issuer,
      aud: [issuer],
      sub: `system:serviceaccount:${namespace}:${name}`,
      'kubernetes.io': { namespace, serviceaccount: { name, uid: metadata.uid } },
      iat: now,
      nbf: now,
      exp: now + seconds - leewaySeconds,
    }
    const text = `${coded({ alg: 'RS256', typ: 'JWT' })}.${coded(claims)}`
    return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`
  }
}

/** When the server takes it no more, in milliseconds since 1970. */
export function endOf(token: string): number {
  const claims = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return ((JSON.parse(claims) as { exp: number }).exp + leewaySeconds) * 1_000
}

/**
 * The files that the kubelet gives to a pod for its service account, for a process that is in no pod. `node` is Node
 * in a separate mount namespace, where the account's folder is in its place and nothing else is in `/run`.
 */
export class PodAccount {
  readonly node: string
  readonly #cluster: Cluster
  readonly #folder = mkdtempSync('/tmp/snug-account-')
  readonly #place = join(this.#folder, 'serviceaccount')
  #number = 0

  /** @param port where it finds the API server, on this machine */
  constructor(cluster: Cluster, port: number) {
    this.#cluster = cluster
    this.node = join(this.#folder, 'node-in-pod')
    mkdirSync(this.#place)
    const mounted = '/run/secrets/kubernetes.io/serviceaccount'
    const script = `#!/bin/sh
export KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=${port}
exec unshare -m --propagation private sh -c '
  mount -t tmpfs none /run && mkdir -p ${mounted} && mount --bind ${this.#place} ${mounted} &&
  exec ${process.execPath} "$@"' sh "$@"
`
    writeFileSync(this.node, script, { mode: 0o755 })
  }

  /** Puts it in the place of the one before as the kubelet does: a new folder, and a link that is turned to it at once. */
  give(token: string): void {
    this.#number += 1
    const name = `..${this.#number}`
    const folder = join(this.#place, name)
    mkdirSync(folder)
    writeFileSync(join(folder, 'token'), token)
    writeFileSync(join(folder, 'ca.crt'), this.#cluster.pki('ca.crt'))
    const next = join(this.#place, '..data_tmp')
    symlinkSync(name, next)
    renameSync(next, join(this.#place, '..data'))
    if (this.#number > 1) return
    for (const file of ['token', 'ca.crt']) symlinkSync(`..data/${file}`, join(this.#place, file))
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
