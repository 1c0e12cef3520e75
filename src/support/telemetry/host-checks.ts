import { access, constants, readFile, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { release } from 'node:os'
import { socketsOf } from '../socket-paths.ts'
import { actKindsOfHost } from './host-acts.ts'
import { unitChecks } from './unit-checks.ts'
import type { DoctorCheck, DoctorReport } from '../../api/status-views.ts'

export interface HostPaths {
  /** The root of the pseudo file systems; tests set another one. */
  readonly root?: string
  readonly dockerSocket?: string | undefined
  /** As configured: `*` stands for every folder. */
  readonly podmanSockets?: readonly string[] | undefined
  /** As configured. */
  readonly units?: readonly string[] | undefined
  readonly kernel?: string
}

/** The host's capabilities, as far as they can be determined without loading anything into the kernel. */
export async function checkHost(
  paths: HostPaths = {},
): Promise<Omit<DoctorReport, 'images' | 'stops'>> {
  const root = paths.root ?? ''
  const kernel = paths.kernel ?? release()
  const status = await textOf(`${root}/proc/self/status`)
  const mounts = await textOf(`${root}/proc/self/mounts`)
  const checks = [
    nodeCheck(process.versions.node),
    kernelCheck(kernel),
    await btfCheck(`${root}/sys/kernel/btf/vmlinux`),
    rightsCheck(status),
    await lockdownCheck(`${root}/sys/kernel/security/lockdown`),
    await lsmCheck(`${root}/sys/kernel/security/lsm`),
    cgroupCheck(mounts),
    bpffsCheck(mounts),
    ...(await engineChecks(paths, root)),
    ...(await unitChecks(paths.units ?? [], mountsOf(mounts, 'cgroup2')[0], root)),
  ]
  return { checks, acts: actKindsOfHost(checks) }
}

function nodeCheck(version: string): DoctorCheck {
  const ok = atLeast(version, 20, 19)
  return { name: 'node', ok, found: version, ...advise(ok, 'install Node 20.19 or later') }
}

function kernelCheck(kernel: string): DoctorCheck {
  const ok = atLeast(kernel, 5, 8)
  return {
    name: 'kernel',
    ok,
    found: kernel,
    ...advise(
      ok,
      'the sensor needs BPF ring buffers (Linux 5.8): this host can judge only recorded events',
    ),
  }
}

async function btfCheck(path: string): Promise<DoctorCheck> {
  const ok = await readable(path)
  return {
    name: 'btf',
    ok,
    found: ok ? path : 'missing or not readable',
    ...advise(ok, 'the sensor needs a kernel built with CONFIG_DEBUG_INFO_BTF'),
  }
}

const capSysAdmin = 1n << 21n
const capPerfmonAndBpf = (1n << 38n) | (1n << 39n)

function rightsCheck(status: string): DoctorCheck {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  const effective = BigInt(`0x${hex ?? '0'}`)
  const uid = /^Uid:\s*\d+\s+(\d+)/m.exec(status)?.[1] ?? '?'
  const ok = (effective & capSysAdmin) !== 0n || (effective & capPerfmonAndBpf) === capPerfmonAndBpf
  const seccomp = /^Seccomp:\s*2$/m.test(status) ? ', under a seccomp filter' : ''
  return {
    name: 'rights',
    ok,
    found: `uid ${uid}, ${ok ? 'may' : 'may not'} load BPF programs${seccomp}`,
    ...advise(ok, 'run as root, or with CAP_BPF and CAP_PERFMON'),
  }
}

async function lockdownCheck(path: string): Promise<DoctorCheck> {
  const text = await textOf(path)
  const level = /\[(\w+)\]/.exec(text)?.[1] ?? 'none'
  const ok = level !== 'confidentiality'
  return {
    name: 'lockdown',
    ok,
    found: level,
    ...advise(ok, 'kernel lockdown prevents BPF programs from reading kernel memory'),
  }
}

async function lsmCheck(path: string): Promise<DoctorCheck> {
  const active = (await textOf(path)).trim()
  const ok = active.split(',').includes('bpf')
  return {
    name: 'bpf-lsm',
    ok,
    found: active === '' ? 'not readable' : active,
    ...advise(
      ok,
      'add it to lsm= on Linux 7 and where the kernel preempts programs. On others with BPF trampolines the sensor attaches the same hooks by fmod_ret; elsewhere it uses tracepoints',
    ),
  }
}

function cgroupCheck(mounts: string): DoctorCheck {
  const [at] = mountsOf(mounts, 'cgroup2')
  const hybrid = at !== undefined && mountsOf(mounts, 'cgroup').length > 0
  return {
    name: 'cgroup-v2',
    ok: at !== undefined,
    found: at === undefined ? 'not mounted' : `${at}${hybrid ? ' (hybrid, with version 1)' : ''}`,
    ...advise(
      at !== undefined,
      'mount cgroup2: the sensor identifies containers by their version 2 cgroup',
    ),
  }
}

function bpffsCheck(mounts: string): DoctorCheck {
  const [at] = mountsOf(mounts, 'bpf')
  return {
    name: 'bpffs',
    ok: at !== undefined,
    found: at ?? 'not mounted',
    ...advise(at !== undefined, 'mount -t bpf bpf /sys/fs/bpf'),
  }
}

/** Docker is not missed where there is Podman, and Podman is not mentioned where it is not installed. */
async function engineChecks(
  { dockerSocket = '/var/run/docker.sock', podmanSockets = [] }: HostPaths,
  root: string,
): Promise<readonly DoctorCheck[]> {
  const docker = await dockerCheck(dockerSocket)
  const podman = await podmanChecks(podmanSockets, root)
  return !docker.ok && podman.some(({ ok }) => ok) ? podman : [docker, ...podman]
}

async function podmanChecks(
  patterns: readonly string[],
  root: string,
): Promise<readonly DoctorCheck[]> {
  const sockets = patterns.flatMap((pattern) => socketsOf(pattern))
  const checks = await Promise.all(sockets.map(({ path }) => podmanCheck(path)))
  if (checks.length > 0 || !(await readable(`${root}/usr/bin/podman`))) return checks
  const found = 'installed, but none of the sockets in `engines.podman.sockets` exists'
  return [
    {
      name: 'podman',
      ok: false,
      found,
      advice:
        'systemctl enable --now podman.socket; for rootless containers see docs/podman.md. Snug finds the images of its containers by it',
    },
  ]
}

async function podmanCheck(socket: string): Promise<DoctorCheck> {
  const found = await answerOf(socket)
  const ok = found === 'answers'
  return {
    name: 'podman',
    ok,
    found: `${socket}: ${found}`,
    ...advise(ok, 'systemctl restart podman.socket; of a user: systemctl --user'),
  }
}

async function dockerCheck(socket: string): Promise<DoctorCheck> {
  const found = await answerOf(socket)
  const ok = found === 'answers'
  return {
    name: 'docker',
    ok,
    found: `${socket}: ${found}`,
    ...advise(ok, 'without a container engine, Snug cannot find the image of a container'),
  }
}

async function answerOf(socket: string): Promise<string> {
  try {
    if (!(await stat(socket)).isSocket()) return 'not a socket'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'not reachable'
  }
  return new Promise((resolve) => {
    const probe = connect(socket)
    const end = (found: string): void => {
      probe.destroy()
      resolve(found)
    }
    probe.setTimeout(2_000, () => end('does not answer'))
    probe.once('connect', () => end('answers'))
    probe.once('error', (error: NodeJS.ErrnoException) => end(`refused (${error.code ?? 'error'})`))
  })
}

function mountsOf(mounts: string, type: string): string[] {
  return mounts.split('\n').flatMap((line) => {
    const [, at, kind] = line.split(' ')
    return kind === type && at !== undefined ? [at] : []
  })
}

function atLeast(version: string, major: number, minor: number): boolean {
  const [a = 0, b = 0] = version.split('.').map(Number.parseFloat)
  return a > major || (a === major && b >= minor)
}

function advise(ok: boolean, advice: string): { advice?: string } {
  return ok ? {} : { advice }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function readable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  )
}
