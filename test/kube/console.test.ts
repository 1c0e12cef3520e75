import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportJWK, SignJWT } from 'jose'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type {
  FleetDecision,
  FleetImageDetail,
  FleetImages,
  FleetIncidentClosure,
  FleetIncidents,
  FleetIncidentStory,
  FleetReview,
  FleetStatus,
  FleetWindow,
} from '../../src/console/reading/views.ts'
import type { SharedHold } from '../../src/core/lifecycle/shared-hold.ts'
import type { FleetHold, HoldView } from '../../src/api/hold-views.ts'
import type { IncidentPage } from '../../src/api/incident-views.ts'
import type { AuditView } from '../../src/api/review-views.ts'
import type { ImageProfile } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { ConsoleProcess } from '../fixtures/console-process.ts'
import { Nats } from '../fixtures/nats.ts'
import { accountKubeconfig } from './account-kubeconfig.ts'
import { Cluster } from './cluster/cluster.ts'
import { applier, FleetImage, FleetNode, has, installKinds, now, stateIs } from './fleet-node.ts'
import { keyPair } from '../fixtures/key-pair.ts'

/**
 * `snug console` on a real API server with the rights of its manifests, a real nats-server, and two agents that share
 * profiles. One story.
 */
const rbac = fileURLToPath(new URL('../../deploy/kubernetes/console/rbac.yaml', import.meta.url))
const issuer = 'https://issuer.example'

let cluster: Cluster
let nats: Nats
let served: ConsoleProcess
let image: FleetImage
let one: FleetNode
let two: FleetNode
const rita = 'rita@shop.example'
/** An ID token of the issuer. */
let token = ''

beforeAll(async () => {
  cluster = await Cluster.start({ node: false })
  await installKinds(cluster)
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'snug' } }
  await cluster.apply(namespace)
  await cluster.kubectl(['apply', '-n', 'snug', '-f', rbac])
  nats = await Nats.start()
  await nats.makeStream()
  image = new FleetImage(cluster)
  const sink = {
    name: 'console',
    type: 'nats',
    servers: [`127.0.0.1:${nats.port}`],
    subject: nats.subject,
    only: { severity: 'low' },
    storms: 'each',
  }
  const config = { sinks: [sink] }
  one = new FleetNode('n1', cluster.kubeconfig, image, { config })
  two = new FleetNode('n2', cluster.kubeconfig, image, { config })
  await Promise.all([one, two].map(({ agent }) => agent.start()))
  for (const node of [one, two]) await node.opened('/etc/a')
  for (const node of [one, two]) await node.rows(has('/etc/a'))

  const { publicKey, privateKey } = keyPair('ec')
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' }]
  token = await new SignJWT({ roles: ['reviewers'] })
    .setProtectedHeader({ alg: 'ES256', kid: 'k' })
    .setIssuer(issuer)
    .setAudience('snug')
    .setSubject(rita)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(privateKey)
  const folder = join(one.agent.folder, 'console')
  mkdirSync(folder)
  const jwks = join(folder, 'keys.json')
  writeFileSync(jwks, JSON.stringify({ keys }))
  const kubeconfig = join(folder, 'kubeconfig')
  served = await ConsoleProcess.start({
    oidc: { issuer, audience: 'snug', jwks, roles: [{ value: 'reviewers', role: 'reviewer' }] },
    kubernetes: {
      access: await accountKubeconfig(cluster, 'snug', 'snug-console', kubeconfig),
    },
    alerts: {
      type: 'nats',
      servers: [`127.0.0.1:${nats.port}`],
      stream: 'SNUG',
      subject: nats.subject,
    },
  })
})

afterAll(async () => {
  try {
    await served?.[Symbol.asyncDispose]()
    for (const node of [one, two]) await node?.agent[Symbol.asyncDispose]()
    await nats?.[Symbol.asyncDispose]()
    if (cluster?.own === false && image !== undefined)
      await cluster.kubectl(['delete', `imageprofile/${image.name}`, '--ignore-not-found'])
  } finally {
    await cluster?.stop()
  }
})

const held = ['quarantine', 'list']
const lengthOf = (hold: SharedHold | undefined): number =>
  Date.parse(hold?.until ?? '') - Date.parse(hold?.at ?? '')
const asRita = () => ({ authorization: `Bearer ${token}` })

/** The decision of a person who has read the image just before. */
async function decide(what: 'approve' | 'reject', body: object) {
  const path = `/v1/fleet/images/${image.name}`
  const { headers } = await served.ask<FleetImageDetail>(path, { headers: asRita() })
  const tag = headers.get('etag') ?? ''
  return served.ask<FleetImageDetail>(`${path}/${what}`, {
    method: 'POST',
    body,
    headers: { ...asRita(), 'if-match': tag },
  })
}

it('shows the images that the agents published', async () => {
  const { rows } = await served.until<FleetImages>('/v1/fleet/images', ({ rows: all }) =>
    all.some(({ name, behaviours }) => name === image.name && behaviours > 0),
  )
  const row = rows.find(({ name }) => name === image.name)
  expect(row).toMatchObject({ lineage: 'shop/web', state: 'learning', mode: 'learn' })
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) => faults.length === 0)
})

it('sets a mode on every node, with the person as its author', async () => {
  const path = `/v1/fleet/images/${image.name}/mode`
  const headers = { 'if-match': '*' }
  const { status } = await served.ask(path, {
    as: 'admin',
    method: 'PUT',
    body: { mode: 'alert' },
    headers,
  })
  expect(status).toBe(200)
  for (const node of [one, two])
    expect(await node.modeIs('alert')).toContain('spec:console:token:ada')
})

it('a deviation on one node waits in the review, and an approval reaches all nodes', async () => {
  await one.opened('/etc/new')
  await one.rows(stateIs('/etc/new', 'pending'))
  const id = await one.idOf('/etc/new')
  const { rows } = await served.until<FleetReview>('/v1/fleet/review', ({ total }) => total > 0)
  expect(rows[0]).toMatchObject({ profile: image.name, behaviours: [id], nodes: ['n1'] })
  const { status, body } = await decide('approve', { behaviours: rows[0]?.behaviours })
  expect(status, JSON.stringify(body)).toBe(200)
  await served.until<FleetReview>('/v1/fleet/review', ({ total }) => total === 0)
  for (const node of [one, two]) {
    if (node === two) await two.opened('/etc/new')
    await node.rows(stateIs('/etc/new', 'approved'))
  }
  const decisions = await served.get<FleetWindow<FleetDecision>>('/v1/fleet/decisions')
  expect(decisions.rows.find((each) => each.id === id)).toMatchObject({
    what: 'approve',
    by: `spec:console:oidc:${rita}`,
    lineage: 'shop/web',
  })
})

it('a rejection reaches all nodes, and ends an approval', async () => {
  const id = await one.idOf('/etc/new')
  expect((await decide('reject', { behaviours: [id] })).status).toBe(200)
  for (const node of [one, two]) await node.rows(stateIs('/etc/new', 'rejected'))
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(spec.decisions).toMatchObject([
    { behaviour: id, action: 'reject', by: `console:oidc:${rita}` },
  ])
})

it('what git applies and a click stand beside each other, and both nodes follow', async () => {
  const paths = ['/etc/of-git', '/etc/clicked']
  for (const node of [one, two]) await node.opened(...paths)
  const [ofGit = '', clicked = ''] = await Promise.all(paths.map((path) => one.idOf(path)))
  const inGit = { decisions: [{ behaviour: ofGit, action: 'approve', ...now() }] }
  await image.apply(inGit, [])
  expect((await decide('approve', { behaviours: [clicked] })).status).toBe(200)
  // Neither drift nor a conflict, and nothing is taken back.
  await image.apply(inGit, [], 'diff')
  await image.apply(inGit, [])
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  const stands = spec.decisions?.map(({ behaviour, action, by }) => [behaviour, action, by])
  expect(stands).toContainEqual([ofGit, 'approve', applier])
  expect(stands).toContainEqual([clicked, 'approve', `console:oidc:${rita}`])
  for (const node of [one, two]) {
    await node.rows(stateIs('/etc/of-git', 'approved'))
    await node.rows(stateIs('/etc/clicked', 'approved'))
    const entries = await node.agent.json<readonly AuditView[]>(['audit', 'list'])
    const { by, at } = spec.decisions?.find(({ behaviour }) => behaviour === clicked) ?? {}
    const entry = entries.find(({ what, who }) => what === 'approve' && who === `spec:${by}`)
    expect(entry).toBeDefined()
    const ms = Date.parse(entry?.time ?? '') - Date.parse(at ?? '')
    console.info(`applied and on record ${ms} ms after the click`)
  }
  // Two decisions on one behaviour: the apply names who decided otherwise.
  expect((await decide('reject', { behaviours: [ofGit] })).status).toBe(200)
  await expect(image.apply(inGit, [])).rejects.toThrow(/conflict.*console:oidc:rita/)
  await one.rows(stateIs('/etc/of-git', 'rejected'))
})

it('orders a hold, which each node has in the name of its author, and releases it', async () => {
  const path = `/v1/fleet/images/${image.name}`
  const how = { as: 'admin', method: 'POST' } as const
  const body = { level: 'freeze', for: '10m', reason: 'a web shell' }
  const ordered = await served.ask<FleetImageDetail>(`${path}/holds`, { ...how, body })
  expect(ordered.status, JSON.stringify(ordered.body)).toBe(200)
  const by = 'spec:console:token:ada'
  const page = await served.until<FleetWindow<FleetHold>>(
    '/v1/fleet/holds',
    ({ total }) => total === 1,
  )
  const [hold] = page.rows
  const ours = { level: 'freeze', by, reason: 'a web shell' }
  // None of the containers of these nodes runs.
  expect(hold).toMatchObject({ ...ours, profile: image.name, nodes: [] })
  for (const { agent } of [one, two])
    expect(
      await agent.until(held, ({ length }: readonly HoldView[]) => length === 1),
    ).toMatchObject([{ ...ours, id: expect.stringMatching(new RegExp(`^${hold?.id}-`)) as string }])
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  const [written] = spec.holds ?? []
  expect(lengthOf(written)).toBe(600_000)
  const release = { ...how, body: { id: hold?.id } }
  expect((await served.ask(`${path}/release-hold`, release)).status).toBe(200)
  await served.until<FleetWindow<FleetHold>>('/v1/fleet/holds', ({ total }) => total === 0)
  for (const { agent } of [one, two])
    await agent.until(held, ({ length }: readonly HoldView[]) => length === 0)
  const after = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(after.spec.holds?.[0]?.released).toMatchObject({ by: 'console:token:ada' })
  const unknown = { ...how, body: { id: 'h0' } }
  expect(await served.ask(`${path}/release-hold`, unknown)).toMatchObject({
    status: 404,
    body: { code: 'HOLD_UNKNOWN' },
  })
  for (const wrong of [
    { ...body, for: '8d' },
    { ...body, reason: '' },
    { ...body, pod: 'web' },
  ]) {
    const refused = await served.ask(`${path}/holds`, { ...how, body: wrong })
    expect(refused.status, JSON.stringify(wrong)).toBe(400)
  }
  const asViewer = { ...how, as: 'reviewer', body } as const
  expect((await served.ask(`${path}/holds`, asViewer)).status).toBe(403)
})

it('a decision on what somebody else has changed since is refused, and so is one on no state', async () => {
  const path = `/v1/fleet/images/${image.name}/approve`
  const { headers } = await served.ask(`/v1/fleet/images/${image.name}`)
  await image.setMode('learn')
  const how = { as: 'reviewer', method: 'POST', body: { all: true } } as const
  const stale = { ...how, headers: { 'if-match': headers.get('etag') ?? '' } }
  expect(await served.ask(path, stale)).toMatchObject({ status: 412 })
  expect(await served.ask(path, how)).toMatchObject({ status: 428 })
})

it('what git decides is not changed', async () => {
  await image.patch({ authority: 'git' })
  const before = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  const path = `/v1/fleet/images/${image.name}/approve`
  const headers = { 'if-match': '*' }
  const { status, body } = await served.ask<{ readonly code: string }>(path, {
    as: 'reviewer',
    method: 'POST',
    body: { all: true },
    headers,
  })
  expect({ status, code: body.code }).toEqual({ status: 409, code: 'PROFILE_OF_GIT' })
  const after = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(after.spec).toEqual(before.spec)
})

it('holds containers also where git decides, in the name of the person', async () => {
  const path = `/v1/fleet/images/${image.name}`
  const how = { as: 'admin', method: 'POST' } as const
  const body = { level: 'freeze', for: '10m', reason: 'while git decides' }
  expect((await served.ask(`${path}/holds`, { ...how, body })).status).toBe(200)
  const [here] = await one.agent.until(held, ({ length }: readonly HoldView[]) => length === 1)
  expect(here).toMatchObject({ by: 'spec:console:token:ada', reason: 'while git decides' })
  const { rows } = await served.get<FleetWindow<FleetHold>>('/v1/fleet/holds')
  const release = { ...how, body: { id: rows[0]?.id, reason: 'it is over' } }
  expect((await served.ask(`${path}/release-hold`, release)).status).toBe(200)
  await one.agent.until(held, ({ length }: readonly HoldView[]) => length === 0)
})

it('closes an incident on both nodes in the name of the person, also where git decides', async () => {
  for (const node of [one, two]) await node.opened('/etc/shadow')
  const list = '/v1/fleet/incidents?state=open'
  const open = await served.until<FleetIncidents>(list, ({ rows: all }) =>
    all.some(({ nodeCount }) => nodeCount === 2),
  )
  const seen = open.rows.find(({ nodeCount }) => nodeCount === 2)
  const path = `/v1/fleet/incidents/${encodeURIComponent(seen?.id ?? '')}`
  const body = { revision: seen?.revision, reason: 'an exercise' }
  const how = { method: 'POST', headers: asRita() } as const
  const refusals = [
    [{ as: 'viewer', method: 'POST', body }, path, 403, 'FORBIDDEN'],
    [{ ...how, body: { revision: body.revision } }, path, 400, 'BODY_INVALID'],
    [{ ...how, body: { ...body, revision: 'x' } }, path, 412, 'REVISION_STALE'],
    [{ ...how, body }, '/v1/fleet/incidents/none', 404, 'INCIDENT_UNKNOWN'],
  ] as const
  for (const [ask, of, status, code] of refusals)
    expect(await served.ask(`${of}/close`, ask)).toMatchObject({ status, body: { code } })
  const answer = await served.ask<FleetIncidentClosure>(`${path}/close`, { ...how, body })
  expect(answer.body).toEqual({ id: seen?.id, alerts: seen?.open, left: 0 })

  const who = `spec:console:oidc:${rita}`
  const closed = await served.until<FleetIncidentStory>(
    path,
    ({ state, unconfirmed }) => state === 'closed' && unconfirmed === 0,
  )
  expect(closed.closed).toMatchObject({ kind: 'acknowledged', by: who, reason: 'an exercise' })
  for (const { agent } of [one, two]) {
    const { incidents } = await agent.json<IncidentPage>(['incident', 'list', '--state', 'closed'])
    expect(incidents).toMatchObject([{ closed: { by: who, reason: 'an exercise' } }])
    const entries = await agent.json<readonly AuditView[]>(['audit', 'list'])
    const entry = entries.find(({ what }) => what === 'incident-close')
    expect(entry).toMatchObject({ who, incident: seen?.id, name: seen?.title })
  }
  const { spec } = await cluster.json<ImageProfile>(['get', 'improf', image.name])
  expect(spec.closings).toMatchObject([{ by: `console:oidc:${rita}`, incident: seen?.id }])

  // The next replica that does the same opens it again.
  await one.opened('/etc/shadow')
  const again = await served.until<FleetIncidentStory>(path, ({ state }) => state === 'open')
  expect(again).toMatchObject({ id: seen?.id, open: 1 })
})

it('while the API server is away, it serves what it has and names the fault', async (task) => {
  if (!cluster.own) task.skip('another cluster goes on')
  const before = await served.get<FleetImages>('/v1/fleet/images')
  await cluster.server('kill-api')
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) => faults.length > 0)
  expect((await served.get<FleetImages>('/v1/fleet/images')).rows).toEqual(before.rows)
  await cluster.server('start-api')
  await served.until<FleetStatus>('/v1/fleet', ({ faults }) => faults.length === 0)
})
