/** Whose kernel serves the system calls of a container's processes. */
export type Serves = 'own' | 'host'

interface KnownRuntime {
  /** Globs of names, as `runtimeName` makes them of what an engine reports. */
  readonly names: readonly string[]
  readonly serves: Serves
  readonly source: string
}

/**
 * Runtimes by their documentation. A name that is not here is no reason to trust it: see `runtimes.ts`. `own`: a guest
 * kernel, or a kernel in user space, serves the system calls, so that the host's kernel sees those of a sandbox.
 */
export const knownRuntimes: readonly KnownRuntime[] = [
  {
    names: ['runsc', 'runsc-*', 'gvisor', 'gvisor-*'],
    serves: 'own',
    source: 'https://gvisor.dev/docs/architecture_guide/intro/',
  },
  {
    names: ['kata', 'kata-*'],
    serves: 'own',
    source:
      'https://github.com/kata-containers/kata-containers/blob/main/docs/design/architecture/README.md',
  },
  {
    names: ['aws.firecracker', 'firecracker'],
    serves: 'own',
    source: 'https://github.com/firecracker-microvm/firecracker-containerd',
  },
  {
    names: ['runhcs', 'runhcs-*'],
    serves: 'own',
    source: 'https://github.com/microsoft/hcsshim',
  },
  { names: ['urunc'], serves: 'own', source: 'https://github.com/urunc-dev/urunc' },
  { names: ['runnc'], serves: 'own', source: 'https://github.com/nabla-containers/runnc' },
  {
    names: ['inclavare-*', 'rune'],
    serves: 'own',
    source: 'https://github.com/inclavare-containers',
  },
  { names: ['runc'], serves: 'host', source: 'https://github.com/opencontainers/runc' },
  { names: ['crun'], serves: 'host', source: 'https://github.com/containers/crun' },
  { names: ['youki'], serves: 'host', source: 'https://github.com/youki-dev/youki' },
  {
    // Runs runc, with a hook for its devices.
    names: ['nvidia', 'nvidia-container-runtime', 'nvidia-container-runtime.*'],
    serves: 'host',
    source: 'https://github.com/NVIDIA/nvidia-container-toolkit',
  },
  {
    // A container's root is a user of the host, and its system calls stay those of the host's kernel.
    names: ['sysbox-runc'],
    serves: 'host',
    source: 'https://github.com/nestybox/sysbox',
  },
]
