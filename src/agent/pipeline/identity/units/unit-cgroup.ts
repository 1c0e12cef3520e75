import { readFileSync } from 'node:fs'
import type { ContainerIdentity } from '../identity.ts'

/**
 * The systemd unit whose run a cgroup is. As the sensor has it: above a unit are slices only, because the processes of
 * a unit or a scope may make and name cgroups below it. A container's cgroup has its id in its path, a unit's has not.
 */
export function unitOfCgroup(id: string, cgroup: string): string | undefined {
  if (cgroup.includes(id)) return undefined
  const [root, ...parts] = cgroup.split('/')
  const unit = parts.pop()
  if (root !== '' || unit?.endsWith('.service') !== true) return undefined
  if (!parts.every((part) => part.endsWith('.slice'))) return undefined
  // systemd puts `_` before what would look like a file of the kernel's.
  return unit.startsWith('_') ? unit.slice(1) : unit
}

/** Whether it is the unit that this process runs in, which would judge itself. */
export function isOwnUnit({ name, host }: Pick<ContainerIdentity, 'name' | 'host'>): boolean {
  return host !== undefined && name === ownUnit()
}

function ownUnit(): string | undefined {
  const cgroup = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  return cgroup === undefined ? undefined : unitOfCgroup('no container', cgroup)
}

/** Where the manager of a cgroup may be, the nearest first: systemd is in a scope beside its slices. */
export function managerScopes(cgroup: string): readonly string[] {
  const parts = cgroup.split('/').slice(1, -1)
  const above = [parts, ...parts.map((_, at) => parts.slice(0, parts.length - 1 - at))]
  return above.map((folder) => ['', ...folder, 'init.scope'].join('/'))
}
