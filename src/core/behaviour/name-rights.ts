import type { Access } from '../event/event-words.ts'

/** What the profile has to allow: accesses to a file, or a system call. */
export type NameRight = Access | { readonly call: string }

export interface NameOperation {
  readonly text: string
  /** Of the new name, or of who gets the object. */
  readonly name: readonly NameRight[]
  /** Of the object, by the name that it has. */
  readonly object: readonly NameRight[]
  /** What each family of hooks does where a right is missing. */
  readonly securityHooks: string
  readonly tracepoints: string
}

/**
 * The operations that give an object another name, or another holder. No right follows from a weaker one: so each needs
 * on the object what the new name may allow. The matcher takes the rights of a link from here; programs of the kernel
 * and attempts to go around them are checked against this table.
 */
export const nameOperations = {
  link: {
    text: 'hard link: `link`, `linkat`, also of a descriptor (`AT_EMPTY_PATH`, `/proc/self/fd/N`)',
    name: ['create'],
    object: ['read', 'write'],
    securityHooks: 'refused',
    tracepoints: 'reported once it is done, by the strings of the caller',
  },
  'uring-link': {
    text: 'hard link by `io_uring`',
    name: ['create'],
    object: ['read', 'write'],
    securityHooks: 'refused',
    tracepoints: 'reported as the operation, without its paths',
  },
  rename: {
    text: 'rename: the profile allows both names together',
    name: ['rename'],
    object: ['rename'],
    securityHooks: 'refused',
    tracepoints: 'reported once it is done',
  },
  exchange: {
    text: 'exchange of names (`RENAME_EXCHANGE`): each is renamed to the other',
    name: ['rename'],
    object: ['rename'],
    securityHooks: 'refused',
    tracepoints: 'reported once it is done',
  },
  symlink: {
    text: 'symbolic link: what is opened by it is judged by its own path',
    name: ['create'],
    object: [],
    securityHooks: 'refused',
    tracepoints: 'reported once it is done',
  },
  mount: {
    text: 'bind mount (`mount`). **The profile allows to mount there, whatever is mounted**',
    name: [{ call: 'mount' }],
    object: [],
    securityHooks: 'refused',
    tracepoints: 'killed for the capability, once it is done',
  },
  'move-mount': {
    text: 'mount by descriptor (`open_tree`, `move_mount`)',
    name: [{ call: 'move_mount' }],
    object: [{ call: 'open_tree' }],
    securityHooks: 'refused',
    tracepoints: 'killed as `open_tree` returns',
  },
  receive: {
    text: 'descriptor that another process passes on (`SCM_RIGHTS`): the accesses that it was opened for',
    name: [],
    object: ['read', 'write'],
    securityHooks: 'refused',
    tracepoints: '**not observed**',
  },
  'take-descriptor': {
    text: "another process's descriptor (`pidfd_getfd`)",
    name: [{ call: 'pidfd_getfd' }],
    object: [],
    securityHooks: 'refused',
    tracepoints: 'killed as the call returns',
  },
  handle: {
    text: 'open by a handle (`open_by_handle_at`): the accesses that it opens the file for',
    name: [],
    object: ['read', 'write'],
    securityHooks: 'refused',
    tracepoints: 'killed as the call returns',
  },
  watch: {
    text: 'descriptors that `fanotify` gives of files that others open',
    name: [{ call: 'fanotify_init' }],
    object: [],
    securityHooks: 'refused',
    tracepoints: 'killed as the call returns',
  },
  'process-root': {
    text: 'open by `/proc/PID/root`, `cwd` or `fd`: as by the own path. **With a shared PID namespace, a file of another container has the path that it has there**',
    name: [],
    object: ['read', 'write'],
    securityHooks: 'refused',
    tracepoints: 'killed as the call returns',
  },
} as const satisfies Record<string, NameOperation>

export type NameOperationId = keyof typeof nameOperations
