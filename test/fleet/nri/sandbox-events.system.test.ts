import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { followSandboxes } from '../../../src/fleet/nri/sandbox-events.ts'
import { ContainerdClient } from '../../../src/agent/pipeline/identity/containerd/containerd-client.ts'
import { busyboxRoot, imageArchive } from '../../fixtures/busybox-root.ts'
import { type Containerd, startContainerd } from '../../fixtures/containerd.ts'
import { ScriptedCri } from '../../fixtures/nri-runtime.ts'
import { containerId } from '../../fixtures/kube-pods.ts'
import { patienceMs } from '../../fixtures/patience.ts'

const image = 'localhost/pause:1'
let containerd: Containerd
let stop: AbortController
let seen: string[]

beforeAll(async () => {
  containerd = await startContainerd()
  const root = busyboxRoot()
  const archive = imageArchive(image, root)
  try {
    await kubelet('image', 'import', archive)
  } finally {
    for (const path of [root, archive]) rmSync(path, { recursive: true, force: true })
  }
})

afterAll(async () => {
  vi.restoreAllMocks()
  stop.abort()
  await containerd.stop()
})

/** Where the runtime keeps what the kubelet asks for. */
const kubelet = (...args: readonly string[]): Promise<string> =>
  containerd.ctr('-n', 'k8s.io', ...args)

/** As the runtime makes it for the kubelet: it has no process. */
async function make(name: string, kind: string): Promise<string> {
  const id = containerId(name)
  const labels = [`io.cri-containerd.kind=${kind}`, `io.kubernetes.pod.uid=uid-${name}`]
  const flags = labels.flatMap((label) => ['--label', label])
  await kubelet('container', 'create', ...flags, image, id, '/bin/sh')
  return id
}

function follow(socket: string): Promise<void> {
  stop = new AbortController()
  seen = []
  return followSandboxes({
    socket,
    created: ({ id, pod }) => seen.push(`${id} of ${pod}`),
    removed: (id) => seen.push(`${id} removed`),
    signal: stop.signal,
  })
}

test('the sandbox of a pod is reported before it has a process, and other containers are not', async () => {
  const asked = vi.spyOn(ContainerdClient.prototype, 'ask')
  const before = await make('before', 'sandbox')
  void follow(containerd.socket)
  await vi.waitFor(() => expect(seen).toEqual([`${before} of uid-before`]), patienceMs)
  await make('container', 'container')
  const after = await make('after', 'sandbox')
  await vi.waitFor(() => expect(seen.slice(1)).toEqual([`${after} of uid-after`]), patienceMs)
  expect(await kubelet('task', 'ls', '-q')).toBe('')
  await kubelet('container', 'rm', containerId('container'), after)
  await vi.waitFor(() => expect(seen.slice(2)).toEqual([`${after} removed`]), patienceMs)
  stop.abort()
  await kubelet('container', 'rm', before)
  // By the events of the one stream: no list came twice.
  expect(asked.mock.calls.filter(([method]) => method === 'containers')).toHaveLength(1)
})

test('a runtime without such events is asked once', async () => {
  const cri = new ScriptedCri(containerd.socket.replace(/[^/]*$/, ''))
  await cri.start()
  try {
    await follow(cri.socket)
    expect(seen).toEqual([])
  } finally {
    cri.stop()
  }
})
