import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { StatusView } from '../../src/api/status-views.ts'
import { Agent } from '../fixtures/agent.ts'

/** The agent with the rights that ship: neither systemd nor a kubelet runs here, so other tools take the rights away. */
const read = (name: string): string =>
  readFileSync(new URL(`../../deploy/${name}`, import.meta.url), 'utf8')
const unit = read('snug.service')
const container = (
  parse(read('kubernetes/base/daemonset.yaml')) as {
    spec: { template: { spec: { containers: readonly Container[] } } }
  }
).spec.template.spec.containers[0] as Container

interface Container {
  readonly securityContext: {
    readonly seccompProfile: { readonly type: string }
    readonly capabilities: { readonly add: readonly string[] }
  }
  readonly volumeMounts: readonly { readonly name: string; readonly readOnly?: boolean }[]
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync('/tmp/snug-rights-')
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

const setting = (name: string): readonly string[] =>
  new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1]?.split(' ') ?? []
const ofUnit = setting('CapabilityBoundingSet').map((name) => name.replace('CAP_', ''))
const ofDaemonSet = container.securityContext.capabilities.add

/** The status of an agent that a shell starts so; `run` ends with the program that starts Node. */
async function statusOf(run: string, good: (status: StatusView) => boolean): Promise<StatusView> {
  const program = join(folder, 'node')
  writeFileSync(program, `#!/bin/sh\n${run} ${process.execPath} "$@"\n`)
  chmodSync(program, 0o755)
  await using agent = new Agent({
    node: program,
    config: { listen: '127.0.0.1:0', engines: { docker: { socket: 'none' } } },
  })
  await agent.start()
  const status = await agent.until<StatusView>(['status'], good)
  await agent.stop()
  return status
}

function bounded(capabilities: readonly string[]): string {
  const added = capabilities.map((name) => `+${name.toLowerCase()}`).join(',')
  return `exec setpriv --bounding-set=-all,${added} --no-new-privs`
}

it('has in the unit what it needs, and what the self-test of blocking needs beside it', async () => {
  // The tracer is the grandchild: signals reach the agent.
  const trace = `strace -D -f -qq -c -o ${join(folder, 'calls')}`
  const status = await statusOf(
    `${bounded(ofUnit)} ${trace}`,
    ({ gateway, selfProbe }) => gateway !== undefined && selfProbe !== undefined,
  )
  expect(status).toMatchObject({ state: 'running', degraded: [], selfProbe: { ok: true } })
  expect(ofUnit.toSorted()).toEqual([...ofDaemonSet, 'SYS_ADMIN', 'DAC_OVERRIDE'].sort())
  const allowed = namesIn(setting('SystemCallFilter'))
  const used = readFileSync(join(folder, 'calls'), 'utf8')
    .split('\n')
    .flatMap((line) => /^ *[\d.]+ .* (\w+)$/.exec(line)?.[1] ?? [])
    .filter((name) => name !== 'total')
  expect(used).toContain('bpf')
  expect(used.filter((name) => !allowed.has(name))).toEqual([])
  // Those that CAP_SYS_ADMIN would open.
  for (const name of ['mount', 'umount2', 'pivot_root', 'init_module', 'swapon', 'reboot']) {
    expect(allowed.has(name), name).toBe(false)
  }
})

it('has in the DaemonSet what it needs, where the cgroups of the host are read-only', async () => {
  expect(container.securityContext.seccompProfile).toEqual({ type: 'RuntimeDefault' })
  expect(container.volumeMounts).toContainEqual(
    expect.objectContaining({ name: 'cgroup', readOnly: true }),
  )
  const script = join(folder, 'inside')
  const target = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
    ?.split(' ')[4]
  writeFileSync(script, `mount -o remount,bind,ro ${target}\n${bounded(ofDaemonSet)} "$@"\n`)
  const status = await statusOf(
    `exec unshare -m sh -e ${script}`,
    ({ gateway }) => gateway !== undefined,
  )
  expect(status).toMatchObject({ state: 'running', degraded: [] })
  expect(status.sources).toMatchObject([{ name: 'ebpf', state: 'running' }])
})

function namesIn(items: readonly string[]): ReadonlySet<string> {
  const names = items.flatMap((item) => {
    if (!item.startsWith('@')) return item
    const text = execFileSync('systemd-analyze', ['syscall-filter', item], { encoding: 'utf8' })
    const members = text
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
    return [...namesIn(members.filter((member) => /^[@a-z]/.test(member)))]
  })
  return new Set(names)
}
