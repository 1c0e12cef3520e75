import { describe, expect, it } from 'vitest'
import {
  pendingContainerOf,
  identityOf,
  imageRefOf,
} from '../../../../src/agent/pipeline/identity/docker/docker-identity.ts'
import { parseImageReference } from '../../../../src/agent/pipeline/identity/image-reference.ts'

const imageId = `sha256:${'1'.repeat(64)}`
const digest = `sha256:${'d'.repeat(64)}`

describe('an image reference', () => {
  it.each([
    ['bb', { repository: 'bb', tag: 'latest' }],
    ['bb:1', { repository: 'bb', tag: '1' }],
    ['registry.local:5000/shop/web', { repository: 'registry.local:5000/shop/web', tag: 'latest' }],
    [
      'registry.local:5000/shop/web:1.4',
      { repository: 'registry.local:5000/shop/web', tag: '1.4' },
    ],
    [`shop/web@${digest}`, { repository: 'shop/web', digest }],
    [`shop/web:1.4@${digest}`, { repository: 'shop/web', tag: '1.4', digest }],
    ['deadbeef', { repository: 'deadbeef', tag: 'latest' }],
    [imageId, undefined],
    ['1d2511cdb91b', undefined],
  ])('`%s` is read as typed', (text, expected) => {
    expect(parseImageReference(text)).toEqual(expected)
  })
})

describe('the image of a container', () => {
  it('has the digest of the repository it was started from', () => {
    const RepoDigests = [`other/web@sha256:${'e'.repeat(64)}`, `shop/web@${digest}`]
    expect(imageRefOf('shop/web:1', imageId, { RepoDigests })).toEqual({
      repository: 'shop/web',
      tag: '1',
      digest,
    })
  })

  it('is found by the engine’s short name for a fully qualified name', () => {
    const ref = imageRefOf('docker.io/library/redis:7', imageId, {
      RepoDigests: [`redis@${digest}`],
    })
    expect(ref).toEqual({ repository: 'redis', tag: '7', digest })
  })

  it('has the image id for a digest where it was never in a registry, or was removed', () => {
    const expected = { repository: 'bb', tag: '1', digest: imageId }
    expect(imageRefOf('bb:1', imageId, { RepoDigests: [] })).toEqual(expected)
    expect(imageRefOf('bb:1', imageId, undefined)).toEqual(expected)
  })

  it('takes the image’s first name where it was started by id, or the id', () => {
    expect(imageRefOf(imageId, imageId, { RepoTags: ['bb:1'] })).toMatchObject({ repository: 'bb' })
    expect(imageRefOf(imageId, imageId, undefined)).toEqual({
      repository: '1'.repeat(12),
      digest: imageId,
    })
  })
})

describe('a container that was just created', () => {
  it('is derived from its image, as the engine reports it later', () => {
    const image = {
      Id: imageId,
      RepoDigests: [`shop/web@${digest}`],
      Config: { Healthcheck: { Test: ['CMD-SHELL', 'true'] }, Shell: ['/bin/ash', '-c'] },
    }
    const pending = pendingContainerOf('a', 'shop/web:1', image)
    expect(pending).toEqual({
      id: 'a',
      image: { repository: 'shop/web', tag: '1', digest },
      imageId: image.Id,
      probes: [['/bin/ash', '-c', 'true']],
      initInjected: false,
    })
    const Config = { Image: 'shop/web:1', ...image.Config }
    expect(identityOf({ Id: 'a', Image: imageId, Config }, image)).toMatchObject(pending ?? {})
  })

  it('has the workload that its labels name', () => {
    const image = { Id: imageId }
    const labels = { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' }
    expect(pendingContainerOf('a', 'shop/web:1', image, labels)?.workload).toEqual({
      kind: 'ComposeService',
      name: 'web',
      namespace: 'shop',
    })
  })

  it('has no workload by labels of its image, and has the one that Compose gave to an image of Compose', () => {
    const labels = { 'com.docker.compose.service': 'db', 'com.docker.compose.project': 'shop' }
    const image = { Id: imageId, Config: { Labels: labels } }
    const workload = (attributes: Record<string, string>) =>
      pendingContainerOf('a', 'shop/db:1', image, attributes)?.workload
    expect(workload(labels)).toBeUndefined()
    expect(workload({ ...labels, 'com.docker.compose.config-hash': 'a1' })?.name).toBe('db')
    expect(workload({ ...labels, 'com.docker.compose.service': 'web' })?.name).toBe('web')
  })

  it('is not foretold where its image is not known', () => {
    expect(pendingContainerOf('a', 'shop/web:1', undefined)).toBeUndefined()
  })
})

describe('a container', () => {
  it('is read from an answer without optional members', () => {
    expect(identityOf({ Id: 'a', Image: imageId }, undefined)).toMatchObject({
      id: 'a',
      name: '',
      entrypoint: [],
      initInjected: false,
    })
  })

  it('is read with all that matters', () => {
    const identity = identityOf(
      {
        Id: 'a',
        Name: '/shop-web-1',
        Image: imageId,
        Path: '/docker-entrypoint.sh',
        Args: ['nginx'],
        Config: {
          Image: 'web:1',
          User: '101',
          Labels: { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' },
          Healthcheck: { Test: ['CMD-SHELL', 'wget -q localhost'] },
        },
        HostConfig: { Init: true },
        Mounts: [{ Destination: '/data' }],
        NetworkSettings: {
          Networks: {
            a: { IPAddress: '10.0.0.2', GlobalIPv6Address: 'FD00:0::2' },
            b: { IPAddress: '' },
          },
        },
        GraphDriver: {
          Name: 'overlay2',
          Data: { MergedDir: '/m', UpperDir: '/u', LowerDir: '/x-init/diff:/l2/diff:/l1/diff' },
        },
      },
      { Id: imageId },
    )
    expect(identity).toEqual({
      id: 'a',
      name: 'shop-web-1',
      image: { repository: 'web', tag: '1', digest: imageId },
      imageId,
      labels: { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' },
      workload: { kind: 'ComposeService', namespace: 'shop', name: 'web' },
      entrypoint: ['/docker-entrypoint.sh', 'nginx'],
      probes: [['/bin/sh', '-c', 'wget -q localhost']],
      declaredUser: '101',
      initInjected: true,
      addresses: ['10.0.0.2', 'fd00::2'],
      mounts: ['/data'],
      rootfs: { upper: '/u', layers: ['/l2/diff', '/l1/diff'] },
    })
  })

  it('runs since the time that the engine reports, in UTC, where that is a time', () => {
    const since = (StartedAt: string, Running = true): string | undefined =>
      identityOf({ Id: 'a', Image: imageId, State: { Running, StartedAt } }, undefined).runsSince
    expect(since('2026-11-24T13:00:00.5+01:00')).toBe('2026-11-24T12:00:00.500Z')
    expect(since('2026-11-24T12:00:00Z', false)).toBeUndefined()
    expect(since('never')).toBeUndefined()
  })

  it('has no health check where it is switched off, and no layers from another driver', () => {
    const identity = identityOf(
      {
        Id: 'a',
        Image: imageId,
        Config: { Image: 'web', Healthcheck: { Test: ['NONE'] } },
        GraphDriver: { Name: 'zfs', Data: { Dataset: 'x' } },
      },
      undefined,
    )
    expect(identity).not.toHaveProperty('probes')
    expect(identity).not.toHaveProperty('rootfs')
  })
})
