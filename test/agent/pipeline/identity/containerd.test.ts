import { describe, expect, it } from 'vitest'
import {
  type ContainerdImage,
  containerdIdentity,
  imageArchitecture,
  manifestFor,
} from '../../../../src/agent/pipeline/identity/containerd/containerd-identity.ts'
import {
  type ContainerdContainer,
  decodeMessage,
  encodeMessage,
} from '../../../../src/agent/pipeline/identity/containerd/containerd-messages.ts'
import type { ContainerIdentity } from '../../../../src/agent/pipeline/identity/identity.ts'

const id = 'a'.repeat(64)
const image = {
  target: `sha256:${'1'.repeat(64)}`,
  imageId: `sha256:${'2'.repeat(64)}`,
  labels: {},
}

function container(given: Partial<ContainerdContainer>, spec: unknown = {}): ContainerdContainer {
  const value = Buffer.from(JSON.stringify(spec))
  const image = 'docker.io/library/nginx:1.26'
  return { id, labels: {}, image, runtime: null, spec: { value }, ...given }
}

/** Field 6 of containerd.runc.v1.Options, after another one. */
function runcOptions(binary: string): Buffer {
  return Buffer.concat([Buffer.from([0x08, 1, 0x32, binary.length]), Buffer.from(binary)])
}

const identityOf = (
  of: ContainerdContainer,
  image: ContainerdImage | undefined,
): ContainerIdentity | undefined => containerdIdentity(of, image, decodeMessage)

describe('a container of containerd', () => {
  it('has the name and the registry’s digest of its image, and the user and command of its specification', () => {
    const spec = {
      process: { args: ['nginx', '-g', 'daemon off;'], user: { uid: 101, gid: 101 } },
      mounts: [
        { destination: '/proc', type: 'proc' },
        { destination: '/data', type: 'bind', options: ['rbind'] },
      ],
    }
    const labels = { 'nerdctl/name': 'web' }
    expect(identityOf(container({ labels }, spec), image)).toEqual({
      id,
      name: 'web',
      image: { repository: 'nginx', tag: '1.26', digest: image.target },
      imageId: image.imageId,
      labels,
      entrypoint: ['nginx', '-g', 'daemon off;'],
      declaredUser: '101',
      user: 101,
      initInjected: false,
      addresses: [],
      mounts: ['/data'],
    })
  })

  it('has the digest that it was started by', () => {
    const digest = `sha256:${'3'.repeat(64)}`
    const found = identityOf(container({ image: `quay.example/shop@${digest}` }), image)
    expect(found?.image).toEqual({ repository: 'quay.example/shop', digest })
  })

  it('has its shim as runtime, and the program that this runs instead of runc', () => {
    const runtimeOf = (name: string, binary?: string): unknown => {
      const options = binary === undefined ? null : { value: runcOptions(binary) }
      return identityOf(container({ runtime: { name, options } }), image)?.runtime
    }
    expect(runtimeOf('io.containerd.runsc.v1')).toEqual(['io.containerd.runsc.v1'])
    const [shim, binary] = ['io.containerd.runc.v2', '/usr/local/bin/runsc']
    expect(runtimeOf(shim, binary)).toEqual([shim, binary])
    // Options of other shims have other fields.
    expect(runtimeOf('io.containerd.kata.v2', binary)).toEqual(['io.containerd.kata.v2'])
  })

  it('has the pod or the compose service that its labels name', () => {
    const pod = { 'io.kubernetes.pod.name': 'web-1', 'io.kubernetes.pod.namespace': 'shop' }
    expect(identityOf(container({ labels: pod }), image)).toMatchObject({
      name: 'web-1',
      workload: { kind: 'Pod', namespace: 'shop', name: 'web-1' },
    })
    const service = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'web' }
    expect(identityOf(container({ labels: service }), image)?.workload).toEqual({
      kind: 'ComposeService',
      namespace: 'shop',
      name: 'web',
    })
  })

  it('has no pod, service and name by labels of its image', () => {
    const labels = {
      'io.kubernetes.pod.name': 'db-1',
      'com.docker.compose.service': 'db',
      'nerdctl/name': 'db',
    }
    const found = identityOf(container({ labels }), { ...image, labels })
    expect(found).not.toHaveProperty('workload')
    expect(found?.name).toBe(found?.id.slice(0, 12))
  })

  it('is unknown without an image: Docker’s containers are Docker’s to name', () => {
    expect(identityOf(container({ image: '' }), image)).toBeUndefined()
    expect(identityOf(container({}), undefined)).toBeUndefined()
  })

  it('refuses a specification that is none', () => {
    const value = Buffer.from('{"process": 7}')
    expect(() => identityOf(container({ spec: { value } }), image)).toThrow(/process/)
  })
})

describe('the manifest of a host', () => {
  const of = (architecture: string, digest: string) => ({
    digest,
    platform: { architecture, os: 'linux' },
  })

  it('is that of its architecture, or the only one', () => {
    const manifests = [of('arm64', 'arm'), of('amd64', 'intel')]
    expect(manifestFor({ manifests }, imageArchitecture('x64'))).toBe('intel')
    expect(manifestFor({ manifests }, imageArchitecture('arm64'))).toBe('arm')
    expect(manifestFor({ manifests: [{ digest: 'any' }] }, 'amd64')).toBe('any')
    expect(manifestFor({ manifests }, 'riscv64')).toBeUndefined()
  })
})

describe('a message of containerd', () => {
  it('is read from the bytes of its definition, and unknown fields are skipped', () => {
    // Field 1 `id`, field 2 one label, field 3 `image`, field 4 (`runtime`) is not ours, field 5 `spec` with field 2.
    const bytes = Buffer.concat([
      Buffer.from([0x0a, 0x01]),
      Buffer.from('c'),
      Buffer.from([0x12, 0x06, 0x0a, 0x01]),
      Buffer.from('k'),
      Buffer.from([0x12, 0x01]),
      Buffer.from('v'),
      Buffer.from([0x1a, 0x01]),
      Buffer.from('i'),
      Buffer.from([0x22, 0x03, 0x0a, 0x01]),
      Buffer.from('r'),
      Buffer.from([0x2a, 0x04, 0x12, 0x02]),
      Buffer.from('{}'),
    ])
    const read = decodeMessage('Container', bytes)
    expect(read).toMatchObject({ id: 'c', labels: { k: 'v' }, image: 'i' })
    expect(Buffer.from(read.spec?.value ?? []).toString()).toBe('{}')
    expect(encodeMessage('ById', { id: 'c' }).equals(Buffer.from([0x0a, 0x01, 0x63]))).toBe(true)
    const kill = Buffer.from([0x0a, 0x01, 0x63, 0x18, 0x0f])
    expect(encodeMessage('KillTask', { id: 'c', signal: 15 }).equals(kill)).toBe(true)
    expect(decodeMessage('ContainerEvent', Buffer.from([0x0a, 0x01, 0x63]))).toEqual({
      containerId: 'c',
      execId: '',
    })
  })

  it('is refused where the bytes are no message', () => {
    expect(() => decodeMessage('Container', Buffer.from([0x0a, 0x7f, 0x01]))).toThrow()
  })
})
