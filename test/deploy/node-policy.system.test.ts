import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { sliceName, sliceObject } from '../../src/fleet/kubernetes/fleet-objects.ts'
import { reportName } from '../../src/fleet/reports/report-objects.ts'
import { type Manifest, manifestsIn } from '../fixtures/chart.ts'
import { goProgram } from '../fixtures/go-program.ts'

/** The policies for Kubernetes 1.30 and later, decided by the library for CEL that the API server uses. */
const folder = new URL('../../deploy/kubernetes/policy/', import.meta.url)
const image = { repository: 'shop/web', digest: `sha256:${'a'.repeat(64)}` }
const owner = { metadata: { name: 'x', uid: 'u', resourceVersion: '1' } }

let program: string | undefined

interface Client {
  readonly username: string
  readonly extra?: Readonly<Record<string, readonly string[]>>
}
interface Policy extends Manifest {
  readonly spec: { readonly matchConstraints: { readonly resourceRules: readonly object[] } }
}

const agent = (node: string): Client => ({
  username: 'system:serviceaccount:snug:snug-agent',
  extra: { 'authentication.kubernetes.io/node-name': [node] },
})
/** A token that is bound to no pod, as of a secret, or of a server before 1.30. */
const unbound: Client = { username: 'system:serviceaccount:snug:snug-agent' }
const kubelet: Client = { username: 'system:node:n1' }
const collector: Client = {
  username: 'system:serviceaccount:kube-system:generic-garbage-collector',
}
const console: Client = { username: 'system:serviceaccount:snug:snug-console' }
const person: Client = { username: 'ann@example.org' }

const slice = (node: string, name = sliceName(image, node, 0)): Manifest => {
  const object = sliceObject(image, node, 0, owner, { entries: [] }) as Manifest
  return { ...object, metadata: { ...object.metadata, name } }
}
const profile = (spec: object): object => ({ spec: { image, ...spec } })

function policy(name: string): Policy {
  const objects = manifestsIn(readFileSync(new URL(`${name}.yaml`, folder), 'utf8'))
  const [found, binding] = objects as [Policy, Manifest]
  expect(binding['spec']).toEqual({ policyName: found.metadata.name, validationActions: ['Deny'] })
  return found
}

/** Of a deletion, there is only the old object. */
function verdict(
  name: string,
  client: Client,
  object: object | null,
  oldObject: object | null = null,
) {
  const operation = object === null ? 'DELETE' : oldObject === null ? 'CREATE' : 'UPDATE'
  const request = { userInfo: client, operation }
  const input = JSON.stringify({ policy: policy(name).spec, request, object, oldObject })
  program ??= goProgram('cel-check')
  return execFileSync(program, { input }).toString().trim()
}

describe('a slice', () => {
  it.each<[string, Client, object, object | null, RegExp]>([
    ['of the writer’s node', agent('n1'), slice('n1'), null, /^allowed$/],
    ['of it, changed', agent('n1'), slice('n1'), slice('n1'), /^allowed$/],
    ['of it, by the certificate of the node', kubelet, slice('n1'), null, /^allowed$/],
    ['of a node whose name has dots', agent('n.x'), slice('n.x'), null, /^allowed$/],
    ['of another node', agent('n1'), slice('n2'), null, /"n1".*may not write a slice of "n2"/],
    ['of another node, by a certificate', kubelet, slice('n2'), null, /may not write/],
    ['of another node, taken over', agent('n1'), slice('n1'), slice('n2'), /another node/],
    [
      'under the name of another node’s',
      agent('n1'),
      slice('n1', sliceName(image, 'n2', 0)),
      null,
      /name of a slice/,
    ],
    [
      'of a node whose name ends with the writer’s',
      agent('n1'),
      slice('n1', sliceName(image, 'x.n1', 0)),
      null,
      /name of a slice/,
    ],
    ['by a token that is bound to no node', unbound, slice('n1'), null, /bound to no node/],
    ['by a person', person, slice('n1'), null, /bound to no node/],
    ['by the garbage collector', collector, slice('n1'), slice('n1'), /^not matched$/],
  ])('%s', (_, client, object, before, expected) => {
    expect(verdict('slices', client, object, before)).toMatch(expected)
  })
})

const pod = (labels: object = {}, more: object = {}, node = 'n1'): object => ({
  metadata: { name: 'web-1', namespace: 'shop', labels: { app: 'web', ...labels }, ...more },
  spec: { nodeName: node, containers: [{ name: 'web', image: 'web:1' }] },
})
const heldPod = pod({ 'snug.dev/held': 'network' }, { annotations: { 'snug.dev/held-before': '' } })
const evil = { ...pod(), spec: { nodeName: 'n1', containers: [{ name: 'web', image: 'evil:1' }] } }
const unlabelled = { ...pod(), metadata: { name: 'web-1', namespace: 'shop' } }

describe('a pod', () => {
  it.each<[string, Client, object, object, RegExp]>([
    ['gets the label', agent('n1'), heldPod, pod(), /^allowed$/],
    ['loses it', agent('n1'), pod(), heldPod, /^allowed$/],
    ['gets its first one', agent('n1'), pod(), unlabelled, /no other/],
    ['of another node', agent('n2'), heldPod, pod(), /pods of its node/],
    ['by a token that is bound to no node', unbound, heldPod, pod(), /pods of its node/],
    ['gets another image', agent('n1'), evil, pod(), /nothing of a pod/],
    ['gets another label', agent('n1'), pod({ app: 'db' }), pod(), /no other/],
    ['loses another label', agent('n1'), unlabelled, pod(), /no other/],
    ['gets an annotation', agent('n1'), pod({}, { annotations: { a: 'b' } }), pod(), /no other/],
    ['gets an owner', agent('n1'), pod({}, { ownerReferences: [{ uid: 'u' }] }), pod(), /nothing/],
    ['is changed by a person', person, evil, pod(), /^not matched$/],
  ])('%s', (_, client, object, before, expected) => {
    expect(verdict('held-label', client, object, before)).toMatch(expected)
  })
})

describe('the deletion of a pod', () => {
  it.each<[string, Client, object, RegExp]>([
    ['of the node', agent('n1'), heldPod, /^allowed$/],
    ['of another node', agent('n2'), heldPod, /pods of its node/],
    ['of none yet', agent('n1'), pod({}, {}, ''), /pods of its node/],
    ['by a token that is bound to no node', unbound, heldPod, /pods of its node/],
    ['by a person', person, heldPod, /^not matched$/],
    ['by a controller', collector, heldPod, /^not matched$/],
  ])('%s', (_, client, before, expected) => {
    expect(verdict('held-deletion', client, null, before)).toMatch(expected)
  })
})

const report = (name: string): object => ({ metadata: { name, namespace: 'shop' } })

describe('a report', () => {
  it.each<[string, Client, object, object | null, RegExp]>([
    ['of the writer’s node', agent('n1'), report(reportName('n1')), null, /^allowed$/],
    [
      'of it, changed',
      agent('n1'),
      report(reportName('n1')),
      report(reportName('n1')),
      /^allowed$/,
    ],
    ['of another node', agent('n1'), report(reportName('n2')), null, /no other report/],
    ['of another tool', agent('n1'), report('pol-audit'), report('pol-audit'), /no other report/],
    ['by a token that is bound to no node', unbound, report(reportName('n1')), null, /no node/],
    ['by another tool', person, report('pol-audit'), null, /^not matched$/],
  ])('%s', (_, client, object, before, expected) => {
    expect(verdict('reports', client, object, before)).toMatch(expected)
  })
})

const closed = { closings: [{ id: 'c1', alerts: [] }] }

describe('a profile', () => {
  it.each<[string, Client, object, RegExp]>([
    ['that an agent creates', agent('n1'), profile({ authority: 'operator' }), /^allowed$/],
    [
      'with a mode, by an agent',
      agent('n1'),
      profile({ mode: { value: 'learn' } }),
      /no decisions/,
    ],
    [
      'with an approval, by an agent',
      agent('n1'),
      profile({ decisions: [{ behaviour: '*', action: 'approve' }] }),
      /no decisions/,
    ],
    ['with a hold, by an agent', agent('n1'), profile({ holds: [{ id: 'h1' }] }), /no decisions/],
    ['with a closing, by an agent', agent('n1'), profile(closed), /no decisions/],
    ['with a closing, by a node', kubelet, profile(closed), /no decisions/],
    ['with a closing, by a person', person, profile(closed), /^not matched$/],
    ['with a closing, by the console', console, profile(closed), /^not matched$/],
    ['held to git, by an agent', agent('n1'), profile({ authority: 'git' }), /no decisions/],
    ['with a mode, by a person', person, profile({ mode: { value: 'learn' } }), /^not matched$/],
  ])('%s', (_, client, object, expected) => {
    expect(verdict('profiles', client, object)).toMatch(expected)
  })
})
