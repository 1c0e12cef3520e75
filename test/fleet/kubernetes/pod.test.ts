import { describe, expect, it } from 'vitest'
import { podOfCgroup } from '../../../src/fleet/kubernetes/cgroup-pod.ts'
import { imageOf } from '../../../src/fleet/kubernetes/image-id.ts'
import type { Pod } from '../../../src/fleet/kubernetes/pod.ts'
import { madeOf, viewOf } from '../../../src/fleet/kubernetes/pod-containers.ts'
import { sandboxOf } from '../../../src/fleet/kubernetes/sandboxes.ts'
import { containerId, digestOf, ownerOf, podOf, unmade } from '../../fixtures/kube-pods.ts'

const uid = '25d6a901-093d-4b6f-b0d7-082496137022'

describe('the cgroup of a pod', () => {
  it.each([
    [`/kubepods/burstable/pod${uid}/${containerId('a')}`, uid],
    [`/kubepods/pod${uid}/${containerId('a')}`, uid],
    [
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${containerId('a')}.scope`,
      uid,
    ],
    [
      `/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/crio-${containerId('a')}.scope/container`,
      uid,
    ],
    [
      '/kubelet/kubepods/besteffort/pod8b2c1d4e5f60718293a4b5c6d7e8f901/abc',
      '8b2c1d4e5f60718293a4b5c6d7e8f901',
    ],
    [`/docker/${containerId('a')}`, undefined],
    [`/system.slice/docker-${containerId('a')}.scope`, undefined],
    ['/kubepods.slice/kubepods-burstable.slice', undefined],
    [`/user.slice/podman-${containerId('a')}.scope`, undefined],
  ])('%s', (path, expected) => {
    expect(podOfCgroup(path)).toBe(expected)
  })
})

describe('the image of a pod’s container', () => {
  const digest = digestOf('1')

  it.each([
    [
      'nginx:1.25',
      `docker.io/library/nginx@${digest}`,
      { repository: 'nginx', tag: '1.25', digest },
    ],
    ['nginx', `docker-pullable://nginx@${digest}`, { repository: 'nginx', tag: 'latest', digest }],
    [
      `registry:5000/shop/web@${digestOf('2')}`,
      `registry:5000/shop/web@${digest}`,
      { repository: 'registry:5000/shop/web', digest },
    ],
    ['localhost/app:1', digest, { repository: 'localhost/app', tag: '1', digest }],
    ['localhost/app:1', digest.slice(7), { repository: 'localhost/app', tag: '1', digest }],
    ['localhost/app:1', `docker://${digest}`, { repository: 'localhost/app', tag: '1', digest }],
    [digest, `shop/web@${digest}`, { repository: 'shop/web', tag: 'latest', digest }],
    [digest, digest, { repository: digest.slice(7, 19), digest }],
  ])('`%s`, running as `%s`', (asked, runs, expected) => {
    expect(imageOf(asked, runs)).toEqual(expected)
  })

  it('is not known before the runtime has reported it', () => {
    expect(imageOf('nginx:1.25', '')).toBeUndefined()
  })
})

describe('a pod', () => {
  it('gives each of its containers its role, image, probes and workload', () => {
    const view = viewOf(
      podOf({
        init: [{ name: 'migrate' }, { name: 'proxy', restartPolicy: 'Always' }],
        app: [
          {
            name: 'web',
            command: ['/web'],
            args: ['--port', '80'],
            livenessProbe: { exec: { command: ['test', '-f', '/alive'] } },
            readinessProbe: { exec: { command: ['test', '-f', '/alive'] } },
            startupProbe: {},
            lifecycle: { preStop: { exec: { command: ['/bin/sh', '-c', 'sleep 5'] } } },
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
            securityContext: { runAsUser: 101 },
          },
        ],
        ephemeral: [{ name: 'debug' }],
      }),
    )
    expect(view.complete).toBe(true)
    const identities = view.containers.map(({ identity }) => identity)
    expect(identities.map(({ name, role }) => [name, role])).toEqual([
      ['web-1/migrate', 'init'],
      ['web-1/proxy', 'sidecar'],
      ['web-1/web', undefined],
      ['web-1/debug', 'ephemeral'],
    ])
    expect(identities[2]).toMatchObject({
      id: containerId('web'),
      image: { repository: 'localhost/web', tag: '1', digest: digestOf('web') },
      entrypoint: ['/web', '--port', '80'],
      probes: [
        ['test', '-f', '/alive'],
        ['/bin/sh', '-c', 'sleep 5'],
      ],
      mounts: ['/data'],
      declaredUser: '101',
      addresses: ['10.244.0.7'],
      workload: { namespace: 'shop', kind: 'Pod', name: 'web-1', pod: 'web-1' },
    })
  })

  it('gives its containers and its sandbox the runtime class that it asks for', () => {
    const kata = viewOf(podOf({ app: [{ name: 'web' }], runtimeClassName: 'kata-qemu' }))
    expect(kata.containers[0]?.identity.runtime).toEqual(['kata-qemu'])
    expect(kata.asked.get('web')?.rest.runtime).toEqual(['kata-qemu'])
    expect(sandboxOf(containerId('pause'), kata).runtime).toEqual(['kata-qemu'])
    const resolved = { ...kata, runtime: ['sealed', 'kata-qemu'] }
    const made = {
      id: containerId('web'),
      name: 'web',
      imageRef: `localhost/web@${digestOf('web')}`,
    }
    expect(madeOf(resolved, made)?.runtime).toEqual(['sealed', 'kata-qemu'])
    expect(sandboxOf(containerId('pause'), resolved).runtime).toEqual(['sealed', 'kata-qemu'])
    const usual = viewOf(podOf({ app: [{ name: 'web' }] }))
    expect(usual.containers[0]?.identity.runtime).toBeUndefined()
  })

  it('has since when each of its containers runs', () => {
    const view = viewOf(podOf({ app: [{ name: 'web' }], before: { web: containerId('old') } }))
    expect(view.containers.map(({ identity }) => identity.runsSince)).toEqual([
      expect.stringMatching(/^\d{4}-.*Z$/),
      undefined,
    ])
  })

  it('is not complete while one of its containers has yet to be made', () => {
    const pod = podOf({ init: [{ name: 'migrate' }], app: [{ name: 'web' }] })
    const waiting: Pod = { ...pod, status: { ...pod.status, containerStatuses: [unmade('web')] } }
    const view = viewOf(waiting)
    expect(view.complete).toBe(false)
    expect(view.containers.map(({ identity }) => identity.name)).toEqual(['web-1/migrate'])
  })

  it('remembers the container before a restart', () => {
    const view = viewOf(podOf({ app: [{ name: 'web' }], before: { web: containerId('old') } }))
    expect(view.containers.map(({ id, running }) => [id, running])).toEqual([
      [containerId('web'), true],
      [containerId('old'), false],
    ])
  })

  it('has no address where it uses the network of its host', () => {
    expect(viewOf(podOf({ app: [{ name: 'web' }], hostNetwork: true })).addresses).toEqual([])
  })

  it.each([
    ['ReplicaSet', 'web-7c9', { 'pod-template-hash': '7c9' }, { kind: 'Deployment', name: 'web' }],
    ['ReplicaSet', 'web-7c9', {}, { kind: 'ReplicaSet', name: 'web-7c9' }],
    ['StatefulSet', 'db', {}, { kind: 'StatefulSet', name: 'db' }],
    ['DaemonSet', 'agent', {}, { kind: 'DaemonSet', name: 'agent' }],
    ['Job', 'tick-2789', {}, { kind: 'Job', name: 'tick-2789' }],
    ['Node', 'n1', {}, { kind: 'StaticPod', name: 'web-1' }],
  ])('is of the workload that %s %s stands for', (kind, name, labels, expected) => {
    const owner = ownerOf(kind, name)
    const { workload, job } = viewOf(podOf({ app: [{ name: 'web' }], labels, owner }))
    expect(workload).toMatchObject(expected)
    expect(job).toBe(kind === 'Job' ? name : undefined)
  })
})
