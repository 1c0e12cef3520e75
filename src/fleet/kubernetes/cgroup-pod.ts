/**
 * The pod of this cgroup: its uid, or for a static pod the hash of its manifest. Both of the kubelet's drivers name it:
 * `/kubepods/burstable/pod<uid>/<id>`, and with systemd
 * `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod<uid, _ for ->.slice/cri-containerd-<id>.scope`.
 * Undefined for a cgroup without a pod.
 */
export function podOfCgroup(path: string): string | undefined {
  for (const part of path.split('/').reverse()) {
    const found = /(?:^|-)pod([0-9a-f][0-9a-f_-]+)(?:\.slice)?$/.exec(part)?.[1]
    if (found !== undefined) return found.replaceAll('_', '-')
  }
  return undefined
}
