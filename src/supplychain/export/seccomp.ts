import type { Exportable, Exported } from './allowed.ts'

/** Calls that the sensor reports one by one: a call that is not in the profile was never made. */
const watched = [
  'ptrace',
  'process_vm_writev',
  'mount',
  'umount2',
  'move_mount',
  'fsopen',
  'open_tree',
  'pivot_root',
  'chroot',
  'unshare',
  'setns',
  'init_module',
  'finit_module',
  'delete_module',
  'bpf',
  'perf_event_open',
  'kexec_load',
  'memfd_create',
  'io_uring_setup',
  'add_key',
  'keyctl',
] as const

/** Related calls with other numbers: a process that may not make the first may not make the others. */
const companions: Readonly<Partial<Record<(typeof watched)[number], readonly string[]>>> = {
  process_vm_writev: ['process_vm_readv'],
  fsopen: ['fsconfig', 'fsmount', 'fspick', 'mount_setattr'],
  kexec_load: ['kexec_file_load'],
  io_uring_setup: ['io_uring_enter', 'io_uring_register'],
  add_key: ['request_key'],
}

/** Calls that no event covers and that no service needs: they administer a machine. */
const administrative = [
  'acct',
  'clock_adjtime',
  'clock_settime',
  'create_module',
  'get_kernel_syms',
  'ioperm',
  'iopl',
  'lookup_dcookie',
  'nfsservctl',
  'open_by_handle_at',
  'query_module',
  'quotactl',
  'quotactl_fd',
  'reboot',
  'set_mempolicy_home_node',
  'settimeofday',
  'swapoff',
  'swapon',
  'sysfs',
  '_sysctl',
  'uselib',
  'userfaultfd',
  'ustat',
  'vhangup',
  'vm86',
  'vm86old',
] as const

const EPERM = 1

/**
 * A seccomp profile in Docker's JSON. The sensor does not record every system call, so this cannot be an allow list. It
 * refuses the sensitive calls that the sensor watched for and never observed.
 */
export function seccomp({ image, allowed }: Exportable): Exported {
  const used = new Set(
    allowed.flatMap(({ object }) => (object.kind === 'syscall' ? [object.name] : [])),
  )
  if (used.has('io_uring')) used.add('io_uring_setup')
  const refused = watched
    .filter((name) => !used.has(name))
    .flatMap((name) => [name, ...(companions[name] ?? [])])
  const names = [...new Set<string>([...refused, ...administrative])].sort()
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      {
        names,
        action: 'SCMP_ACT_ERRNO',
        errnoRet: EPERM,
        comment: `never made by ${image.repository}@${image.digest}, as learned by Snug`,
      },
    ],
  }
  return {
    text: `${JSON.stringify(profile, null, 2)}\n`,
    notes: [
      'run the container with `--security-opt seccomp=FILE`',
      `it refuses ${names.length} calls and allows all others: Snug does not record ordinary calls`,
      'it replaces the default profile of the engine, which also refuses calls by their arguments, such as new namespaces by `clone` or rare socket families',
    ],
  }
}
