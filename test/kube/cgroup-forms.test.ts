import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { podOfCgroup } from '../../src/fleet/kubernetes/cgroup-pod.ts'
import { unifiedHierarchy } from '../sensor/container.ts'
import { Recorder } from '../sensor/recorder.ts'

/**
 * Cgroups as every runtime and driver names them, made by hand beneath a group of the test's own: this machine's
 * cluster makes one kind of them only.
 */
const uid = '25d6a901-093d-4b6f-b0d7-082496137022'
const slice = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid.replaceAll('-', '_')}.slice`
const forms = {
  'containerd, cgroupfs': { path: (id: string) => `kubepods/burstable/pod${uid}/${id}`, pod: uid },
  'guaranteed, cgroupfs': { path: (id: string) => `kubepods/pod${uid}/${id}`, pod: uid },
  'containerd, systemd': { path: (id: string) => `${slice}/cri-containerd-${id}.scope`, pod: uid },
  'CRI-O, systemd': { path: (id: string) => `${slice}/crio-${id}.scope`, pod: uid },
  'CRI-O, cgroupfs': { path: (id: string) => `kubepods/besteffort/pod${uid}/crio-${id}`, pod: uid },
  'Docker beneath the kubelet, systemd': {
    path: (id: string) => `${slice}/docker-${id}.scope`,
    pod: uid,
  },
  'kind and k3s: a kubelet in a container': {
    path: (id: string) => `kubelet/kubepods/burstable/pod${uid}/${id}`,
    pod: uid,
  },
  'Docker, systemd': { path: (id: string) => `system.slice/docker-${id}.scope`, pod: undefined },
  'Docker, cgroupfs': { path: (id: string) => `docker/${id}`, pod: undefined },
  'Podman, systemd': { path: (id: string) => `machine.slice/libpod-${id}.scope`, pod: undefined },
  'Podman with systemd, of a user': {
    path: (id: string) =>
      `user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${id}.scope`,
    pod: undefined,
  },
  'Podman in a unit (Quadlet)': {
    path: (id: string) => `system.slice/web.service/libpod-payload-${id}`,
    pod: undefined,
  },
  'a pod of Podman, systemd': {
    path: (id: string) =>
      `machine.slice/machine-libpod_pod_${'b'.repeat(64)}.slice/libpod-${id}.scope`,
    pod: undefined,
  },
  nerdctl: { path: (id: string) => `system.slice/nerdctl-${id}.scope`, pod: undefined },
}
const monitors = {
  'the monitor of CRI-O': (id: string) => `${slice}/crio-conmon-${id}.scope`,
  'the monitor of Podman': (id: string) => `machine.slice/libpod-conmon-${id}.scope`,
}

const made: string[] = []
const ends: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of ends.splice(0)) await end()
  for (const top of made.splice(0)) {
    execFileSync('find', [top, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', '+'])
  }
})

function ownGroup(): string {
  const top = join(unifiedHierarchy(), `snug-forms-${randomBytes(4).toString('hex')}`)
  mkdirSync(top)
  made.push(top)
  return top
}

async function recording(): Promise<Recorder> {
  const recorder = new Recorder()
  ends.push(() => recorder.stop())
  await recorder.running()
  return recorder
}

function started(recorder: Recorder, id: string) {
  for (const message of recorder.messages) {
    if (message.type === 'container-started' && message.container.id === id)
      return message.container
  }
  return undefined
}

const newId = (): string => randomBytes(32).toString('hex')

describe('the cgroup of a container', () => {
  it('is identified in each form when it is created, and so is its pod', async () => {
    const top = ownGroup()
    const recorder = await recording()
    const ids = new Map<string, string>()
    for (const [form, { path }] of Object.entries(forms)) {
      const id = newId()
      ids.set(form, id)
      mkdirSync(join(top, path(id)), { recursive: true })
    }
    for (const [form, { path, pod }] of Object.entries(forms)) {
      const id = ids.get(form) ?? ''
      await recorder.until(() => started(recorder, id) !== undefined, form)
      const { cgroup = '', before } = started(recorder, id) ?? {}
      expect(cgroup.endsWith(`/${path(id)}`), `${form}: ${cgroup}`).toBe(true)
      expect(podOfCgroup(cgroup), form).toBe(pod)
      expect(before).toBe(false)
    }
  })

  it('is found in each form where it was there before the sensor', async () => {
    const top = ownGroup()
    const ids = new Map<string, string>()
    for (const [form, { path }] of Object.entries(forms)) {
      const id = newId()
      ids.set(form, id)
      mkdirSync(join(top, path(id)), { recursive: true })
    }
    const recorder = await recording()
    for (const [form, { pod }] of Object.entries(forms)) {
      const id = ids.get(form) ?? ''
      await recorder.until(() => started(recorder, id) !== undefined, form)
      expect(podOfCgroup(started(recorder, id)?.cgroup ?? ''), form).toBe(pod)
    }
  })

  it('is one container with all that is made beneath it, and ends with it', async () => {
    const top = ownGroup()
    const recorder = await recording()
    const id = newId()
    const path = join(top, `${slice}/crio-${id}.scope`)
    mkdirSync(join(path, 'container', 'init.scope'), { recursive: true })
    await recorder.until(() => started(recorder, id) !== undefined, 'its start')
    for (const group of ['container/init.scope', 'container', '']) rmdirSync(join(path, group))
    const ended = () => recorder.messages.some((m) => m.type === 'container-ended' && m.id === id)
    await recorder.until(ended, 'its end')
    const starts = recorder.messages.filter(
      (message) => message.type === 'container-started' && message.container.id === id,
    )
    expect(starts).toHaveLength(1)
  })

  it('is not that of a monitor', async () => {
    const top = ownGroup()
    const recorder = await recording()
    const ids: string[] = []
    for (const path of Object.values(monitors)) {
      const id = newId()
      ids.push(id)
      mkdirSync(join(top, path(id)), { recursive: true })
    }
    const last = newId()
    mkdirSync(join(top, `docker/${last}`), { recursive: true })
    await recorder.until(() => started(recorder, last) !== undefined, 'what was made after them')
    expect(ids.filter((id) => started(recorder, id) !== undefined)).toEqual([])
  })
})
