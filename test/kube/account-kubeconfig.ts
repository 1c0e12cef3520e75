import { writeFileSync } from 'node:fs'
import type { Cluster } from './cluster/cluster.ts'

interface Kubeconfig {
  users: object[]
  readonly contexts: readonly { readonly context: { user: string } }[]
}

/** Writes a kubeconfig of a service account, with a token of the API server. */
export async function accountKubeconfig(
  cluster: Cluster,
  namespace: string,
  name: string,
  file: string,
): Promise<string> {
  const account = ['-n', namespace, 'create', 'token', name, '--duration=2h']
  const user = { token: (await cluster.kubectl(account)).trim() }
  const view = ['config', 'view', '--raw', '--minify', '-o', 'json']
  const config = JSON.parse(await cluster.kubectl(view)) as Kubeconfig
  config.users = [{ name, user }]
  for (const { context } of config.contexts) context.user = name
  writeFileSync(file, JSON.stringify(config))
  return file
}
