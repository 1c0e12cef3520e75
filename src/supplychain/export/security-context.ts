import { stringify } from 'yaml'
import { ACCOUNT_LEAST, type User } from '../../core/behaviour/user.ts'
import { type Allowed, type Exportable, type Exported, nameOf, shortNameOf } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { globOf, partsOf } from './paths.ts'
import { rootLines, rootNeed } from './root-need.ts'
import { isLow } from './root-take.ts'
import { isBelow, type WrittenFolder, writtenFolders, writtenPaths } from './written-folders.ts'

/**
 * The part of a pod's spec that restricts a container to its observed behaviour: `securityContext`, and writable
 * volumes.
 */
export function securityContext(what: Exportable): Exported {
  const { allowed, seen, image } = what
  const watched = (kind: string): boolean => seen.kinds.includes(kind)
  const user = userOf(allowed)
  const used = capabilitiesOf(allowed)
  const ports = rootPorts(allowed)
  const wantsPort = ports.length > 0 && !used.includes(bindService)
  const capabilities = wantsPort ? [...used, bindService].sort(compareText) : used
  const escalates = escalation(allowed)
  const root = rootFolder(allowed, watched('file'))
  const seccomp = `snug/${nameOf(image)}.json`
  const context = {
    ...user.fields,
    ...(root.readOnly ? { readOnlyRootFilesystem: true } : {}),
    ...(watched('identity') ? { allowPrivilegeEscalation: escalates !== undefined } : {}),
    ...(watched('capability') ? { capabilities: { drop: ['ALL'], ...added(capabilities) } } : {}),
    ...(watched('syscall')
      ? { seccompProfile: { type: 'Localhost', localhostProfile: seccomp } }
      : {}),
  }
  const volumes = namedVolumes(root.readOnly ? root.folders : [])
  const mounts = volumes.map(({ name, folder }) => ({ name, mountPath: folder }))
  const container = shortNameOf(image)
  const spec = {
    containers: [
      {
        name: container,
        securityContext: context,
        ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
      },
    ],
    ...(volumes.length === 0
      ? {}
      : { volumes: volumes.map(({ name }) => ({ name, emptyDir: {} })) }),
  }
  const unwatched = ['file', 'identity', 'capability', 'syscall'].filter((kind) => !watched(kind))
  return {
    text: stringify(spec),
    notes: [
      `merge it into the spec of the pod; its container is called \`${container}\` here: change it to your name`,
      ...rootLines(rootNeed(what)),
      ...(unwatched.length === 0
        ? []
        : [`nobody watched for ${unwatched.join(', ')}: what depends on that is left out`]),
      ...user.notes,
      ...root.notes,
      ...(wantsPort
        ? [
            `to listen on ${ports.join(', ')} took no capability where it was seen; elsewhere it takes ${bindService}`,
          ]
        : []),
      ...(escalates === undefined ? [] : [`privileges may rise: ${escalates}`]),
      ...(capabilities.length > 0 && user.fields.runAsNonRoot === true
        ? [
            `to a user that is not root Kubernetes gives no capability: ${capabilities.join(', ')} must be in the files of its programs`,
          ]
        : []),
      ...(watched('syscall')
        ? [
            `its seccomp profile is that of \`--format seccomp\`: put it on each node as ${seccomp} below the kubelet's folder \`seccomp\``,
          ]
        : []),
    ],
  }
}

interface Part<Fields> {
  readonly fields: Fields
  readonly notes: readonly string[]
}

interface UserFields {
  readonly runAsNonRoot?: true
  readonly runAsUser?: number
}

function userOf(allowed: readonly Allowed[]): Part<UserFields> {
  const users = new Set<User>(allowed.map(({ uid }) => uid))
  for (const { object } of allowed) if (object.kind === 'identity') users.add(object.to.uid)
  if (users.size === 0 || users.has(0)) return { fields: {}, notes: [] }
  const [only] = users
  if (users.size === 1 && typeof only === 'number' && only !== ACCOUNT_LEAST) {
    return { fields: { runAsNonRoot: true, runAsUser: only }, notes: [] }
  }
  const notes = [
    'the user is left to the image or the pod, which must give it as a number: runAsNonRoot accepts no name',
  ]
  return { fields: { runAsNonRoot: true }, notes }
}

/** As Kubernetes names them: without `CAP_`; sorted. */
function capabilitiesOf(allowed: readonly Allowed[]): readonly string[] {
  const names = allowed.flatMap(({ object }) => (object.kind === 'capability' ? [object.name] : []))
  return [...new Set(names.map((name) => name.replace(/^CAP_/, '')))].sort(compareText)
}

const bindService = 'NET_BIND_SERVICE'

/** Below 1024: some hosts allow these to all users, others only with the capability; in order. */
function rootPorts(allowed: readonly Allowed[]): readonly number[] {
  const ports = allowed.flatMap(({ uid, object }) =>
    uid === 0 && object.kind === 'listen' && isLow(object.port) ? [object.port] : [],
  )
  return [...new Set(ports)].sort((a, b) => a - b)
}

function added(add: readonly string[]): { readonly add?: readonly string[] } {
  return add.length === 0 ? {} : { add }
}

/** Why `no_new_privs` would break the service; undefined where there is no sign of that. */
function escalation(allowed: readonly Allowed[]): string | undefined {
  const startsAsRoot = allowed.some(({ uid }) => uid === 0)
  for (const { uid, object, actor } of allowed) {
    if (object.kind === 'identity' && object.from.uid !== 0 && object.to.uid === 0) {
      return `${actor.exe} becomes root`
    }
    if (object.kind !== 'capability') continue
    // Held by Kubernetes to be the same.
    if (object.name === 'CAP_SYS_ADMIN') return `${actor.exe} uses ${object.name}`
    // From the file of a program, for root had none to leave.
    if (uid !== 0 && !startsAsRoot) return `${actor.exe} uses ${object.name} without being root`
  }
  return undefined
}

interface RootFolder {
  readonly readOnly: boolean
  readonly folders: readonly WrittenFolder[]
  readonly notes: readonly string[]
}

function rootFolder(allowed: readonly Allowed[], watched: boolean): RootFolder {
  if (!watched) return { readOnly: false, folders: [], notes: [] }
  const folders = writtenFolders(allowed)
  const atRoot = folders.find(({ folder }) => folder === '/')
  if (atRoot !== undefined) {
    const files = atRoot.files.join(', ')
    return {
      readOnly: false,
      folders: [],
      notes: [`its root folder cannot be read-only: it writes ${files} in \`/\` itself`],
    }
  }
  const hidden = folders.flatMap(({ folder }) => {
    const files = shippedBelow(folder, allowed)
    return files.length === 0 ? [] : [`${folder} (${some(files)})`]
  })
  return {
    readOnly: true,
    folders,
    notes: [
      ...folders.map(({ folder, files }) => `it writes in ${folder}: ${some(files)}`),
      ...(folders.length === 0
        ? []
        : ['an emptyDir ends with its pod: use a separate volume for data that must persist']),
      ...(hidden.length === 0
        ? []
        : [
            `a volume hides files of the image that the service uses: copy them into it first, for ${hidden.join(', ')}`,
          ]),
    ],
  }
}

/** Used paths below the folder that were never observed to be written. */
function shippedBelow(folder: string, allowed: readonly Allowed[]): readonly string[] {
  const written = new Set(allowed.flatMap(writtenPaths))
  const used = allowed.flatMap(({ object, literals }) => {
    if (object.kind === 'exec')
      return [object.path, ...(object.script === undefined ? [] : [object.script])]
    if (object.kind !== 'file' || object.access !== 'read') return []
    return literals ?? [globOf(partsOf(object.path))]
  })
  const below = used.filter(
    (path) => path !== folder && isBelow(path, folder) && !written.has(path),
  )
  return [...new Set(below)].sort(compareText)
}

const filesNamed = 5

function some(files: readonly string[]): string {
  const more = files.length - filesNamed
  return `${files.slice(0, filesNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

const longestName = 63

/** Each folder with a name that a volume may have, and none has twice. */
function namedVolumes(
  folders: readonly WrittenFolder[],
): readonly { readonly name: string; readonly folder: string }[] {
  const taken = new Set<string>()
  return folders.map(({ folder }) => {
    const plain = folder
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+/, '')
    const short = plain.slice(0, longestName - 4).replace(/-+$/, '') || 'volume'
    let name = short
    for (let n = 2; taken.has(name); n++) name = `${short}-${n}`
    taken.add(name)
    return { name, folder }
  })
}
