import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import type { Mode } from '../../src/core/lifecycle/mode.ts'
import { accountKubeconfig } from './account-kubeconfig.ts'
import { admissionManifests, AdmissionWorld } from './admission-world.ts'
import { FleetImage, installKinds } from './fleet-node.ts'

/**
 * A real API server asks the webhook who decided in an ImageProfile, by the registration that ships. Two namespaces
 * have a service account `snug-console` that may write it: that of the webhook, and one of somebody else.
 */
const rbac = fileURLToPath(new URL('../../deploy/kubernetes/console/rbac.yaml', import.meta.url))
const agentRbac = fileURLToPath(new URL('../../deploy/kubernetes/base/rbac.yaml', import.meta.url))
const [own, foreign] = ['snug', 'team-a']
const account = 'snug-console'
const claimed = 'console:oidc:rita'

let world: AdmissionWorld
let image: FleetImage
const kubeconfigs = new Map<string, string>()

beforeAll(async () => {
  world = await AdmissionWorld.start()
  const { cluster } = world
  await installKinds(cluster)
  image = new FleetImage(cluster)
  for (const name of [own, foreign]) {
    await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
    if (name === own) await cluster.kubectl(['apply', '-n', name, '-f', rbac])
    else await cluster.kubectl(['-n', name, 'create', 'serviceaccount', account])
    const file = world.at(`${name}.kubeconfig`)
    kubeconfigs.set(name, await accountKubeconfig(cluster, name, account, file))
  }
  // Its own team gave it the right.
  const role = `--clusterrole=${account}`
  const whom = `--serviceaccount=${foreign}:${account}`
  await cluster.kubectl(['create', 'clusterrolebinding', `${foreign}-writes`, role, whom])
  await image.apply({ mode: { value: 'learn', by: 'before', at: new Date().toISOString() } })
  await world.registerAuthors()
  await cluster.until(
    'the API server asks the webhook',
    async () => decided(own),
    (author) => author !== claimed,
  )
})

afterAll(async () => {
  if (world === undefined) return
  const { cluster } = world
  if (!cluster.own) {
    const ours = [
      'mutatingwebhookconfiguration/snug-authors',
      `imageprofile/${image?.name}`,
      `clusterrolebinding/${foreign}-writes`,
      `namespace/${foreign}`,
    ]
    await cluster.kubectl(['delete', '--ignore-not-found', ...ours])
  }
  await world.stop()
})

/** The author that stands, where the account of a namespace decides and claims to be Rita. */
async function decided(namespace: string): Promise<string> {
  const { cluster } = world
  const object = ['imageprofile', image.name]
  const { spec } = await cluster.json<ImageProfile>(['get', ...object])
  const value: Mode = spec.mode?.value === 'alert' ? 'learn' : 'alert'
  const mode = { value, by: claimed, at: new Date().toISOString() }
  const patch = ['--type=merge', '-p', JSON.stringify({ spec: { mode } })]
  // The last of an option counts.
  const as = ['--kubeconfig', kubeconfigs.get(namespace) ?? '']
  await cluster.kubectl([...as, 'patch', ...object, ...patch])
  const after = await cluster.json<ImageProfile>(['get', ...object])
  expect(after.spec.mode?.value).toBe(value)
  return after.spec.mode?.by ?? ''
}

/** As its console writes it. */
const closing = {
  id: 'c0f0c2a91',
  incident: '01 n1',
  title: 'a web shell',
  reason: 'an exercise',
  alerts: [{ node: 'n1', severity: 'high', ids: ['01'] }],
}

/** The closing that stands after this account wrote one in the name of Rita. Fails where it may not write. */
async function closed(namespace: string, reason: string): Promise<object | undefined> {
  const { cluster } = world
  const object = ['imageprofile', image.name]
  const closings = [{ ...closing, reason, by: claimed, at: new Date().toISOString() }]
  const patch = ['--type=merge', '-p', JSON.stringify({ spec: { closings } })]
  await cluster.kubectl([
    '--kubeconfig',
    kubeconfigs.get(namespace) ?? '',
    'patch',
    ...object,
    ...patch,
  ])
  return (await cluster.json<ImageProfile>(['get', ...object])).spec.closings?.[0]
}

/** The variables of the webhook's container, as a kubelet sets them in this namespace. */
function podVariables(namespace: string): Readonly<Record<string, string>> {
  const file = join(admissionManifests, 'deployment.yaml')
  const objects = parseAllDocuments(readFileSync(file, 'utf8')).map(
    (each) => each.toJS() as Shipped,
  )
  const deployment = objects.find(({ kind }) => kind === 'Deployment')
  const variables = deployment?.spec.template.spec.containers[0].env ?? []
  const ofNamespace = variables.filter(
    ({ valueFrom }) => valueFrom?.fieldRef.fieldPath === 'metadata.namespace',
  )
  return Object.fromEntries(ofNamespace.map(({ name }) => [name, namespace]))
}

interface Shipped {
  readonly kind: string
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly [Container] } }
  }
}
interface Container {
  readonly env: readonly {
    readonly name: string
    readonly valueFrom?: { readonly fieldRef: { readonly fieldPath: string } }
  }[]
}

it.each([
  ['its own namespace, as it ships', podVariables(own), {}, [own]],
  ['a namespace in its config', podVariables(own), { consoleNamespaces: [foreign] }, [foreign]],
  ['no namespace, where it does not know its own', {}, {}, []],
] as const)(
  'believes the console of %s, and no other account of that name',
  async (_, env, more, trusted) => {
    const { webhook } = world
    await webhook.stop()
    await webhook.start(world.config(more), env)
    const isTrusted = (namespace: string): boolean => trusted.some((each) => each === namespace)
    for (const namespace of [foreign, own]) {
      const user = `user:system:serviceaccount:${namespace}:${account}`
      expect(await decided(namespace), namespace).toBe(isTrusted(namespace) ? claimed : user)
    }
  },
)

it('believes the console alone who closed an incident, and no agent may close one', async () => {
  const { cluster, webhook } = world
  await webhook.stop()
  await webhook.start(world.config(), podVariables(own))
  expect(await closed(own, 'one')).toMatchObject({ reason: 'one', by: claimed })
  const user = `user:system:serviceaccount:${foreign}:${account}`
  expect(await closed(foreign, 'two')).toMatchObject({ reason: 'two', by: user })
  await cluster.kubectl(['apply', '-n', own, '-f', agentRbac])
  const file = world.at('agent.kubeconfig')
  kubeconfigs.set('agent', await accountKubeconfig(cluster, own, 'snug-agent', file))
  await expect(closed('agent', 'three')).rejects.toThrow(/Forbidden/)
})
