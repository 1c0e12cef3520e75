import type { ImageRef } from '../event/event.ts'
import { unitOf } from '../event/unit-image.ts'
import { globs } from '../match/glob.ts'

/**
 * What a host needs to run and to be reached, by role: its manager and buses, ways in, network, and what runs
 * containers, Snug too. To stop one of them by mistake takes away the way to mend it.
 */
export const vitalUnits = [
  '{systemd-*,user@*,dbus*,polkit,init,emergency,rescue,getty@*,serial-getty@*,console-getty}.service',
  '{ssh,sshd,ssh@*,sshd@*,dropbear}.service',
  '{NetworkManager*,networking,network,wpa_supplicant*,dhcpcd*,nftables,firewalld}.service',
  '{kubelet,k3s*,rke2-*,containerd,docker,crio,cri-docker,podman*,snug*}.service',
] as const

const isVital = globs(vitalUnits)

/** Why versions of an image may never block; undefined where they may. */
export type Unblockable = (image: Pick<ImageRef, 'repository'>) => string | undefined

/** `allowed`: globs of vital units that may block all the same. */
export function unblockableBut(allowed: readonly string[]): Unblockable {
  const isAllowed = globs(allowed)
  return (image) => {
    const unit = unitOf(image)
    if (unit === undefined || !isVital(unit) || isAllowed(unit)) return undefined
    return `the unit \`${unit}\` keeps the host running: list it in \`block.vitalUnits\` first`
  }
}
