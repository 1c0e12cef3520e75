/** An emulated machine of QEMU, and the Debian architecture that runs on it. */
export interface Platform {
  readonly debian: string
  /** The meta package of its kernel. */
  readonly kernel: string
  /** Debian's suite of the kernel; absent: the suite of this machine. */
  readonly suite?: string
  readonly qemu: string
  readonly machine: readonly string[]
  readonly console: string
  /** More for the kernel's command line. */
  readonly parameters?: string
  /** Compiles for it. */
  readonly compiler: string
  /** Compiles the programs of its containers, where they are of another kind. */
  readonly containerCompiler?: string
  readonly triplet: string
}

export const amd64: Platform = {
  debian: 'amd64',
  kernel: 'linux-image-cloud-amd64',
  qemu: 'qemu-system-x86_64',
  machine: ['-machine', 'q35'],
  console: 'ttyS0',
  compiler: process.arch === 'x64' ? 'gcc' : 'x86_64-linux-gnu-gcc',
  triplet: 'x86_64-linux-gnu',
}

/** Debian 11. */
export const bullseye: Platform = {
  ...amd64,
  suite: 'bullseye',
  // Its check of the timer takes a busy emulator for a broken machine.
  parameters: 'no_timer_check',
}

/** Debian 12. */
export const bookworm: Platform = { ...amd64, suite: 'bookworm' }

/** The newest kernel that Debian offers for its current release. */
export const backports: Platform = { ...amd64, suite: 'trixie-backports' }

export const arm64: Platform = {
  debian: 'arm64',
  kernel: 'linux-image-cloud-arm64',
  qemu: 'qemu-system-aarch64',
  machine: ['-machine', 'virt', '-cpu', 'cortex-a57'],
  console: 'ttyAMA0',
  compiler: process.arch === 'arm64' ? 'gcc' : 'aarch64-linux-gnu-gcc',
  triplet: 'aarch64-linux-gnu',
}

/** Containers of 32-bit programs on arm64. */
export const aarch32: Platform = { ...arm64, containerCompiler: 'arm-linux-gnueabihf-gcc' }
