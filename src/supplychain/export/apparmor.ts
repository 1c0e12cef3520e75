import { type Allowed, type Exportable, type Exported, nameOf } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { filePaths, type FilePath, isPath, type PathPart, programs, writes } from './paths.ts'

const networks: Readonly<Record<string, string>> = { tcp: 'stream', udp: 'dgram' }

/** An AppArmor profile for a whole container: each of its programs may do whatever any of them does. */
export function apparmor({ image, allowed }: Exportable): Exported {
  const name = nameOf(image)
  const rules = [
    ...capabilities(allowed),
    ...sockets(allowed),
    `signal (send, receive) peer=${name},`,
    // The engine stops its containers from outside of the profile.
    'signal (receive) peer=unconfined,',
    'signal (receive) peer=runc,',
    'signal (receive) peer=crun,',
    ...(calls(allowed, 'ptrace') ? [`ptrace (trace, read) peer=${name},`] : []),
    ...mounts(allowed),
    ...programs(allowed).flatMap(({ path }) =>
      path.startsWith('/') ? [`${quoted(escaped(path))} mrix,`] : [],
    ),
    ...filePaths(allowed).filter(isPath).map(fileRule),
  ]
  const text = [
    `# ${image.repository}@${image.digest}, as learned by Snug.`,
    'abi <abi/4.0>,',
    '',
    `profile ${name} flags=(attach_disconnected,mediate_deleted) {`,
    ...[...new Set(rules)].map((rule) => `  ${rule}`),
    '}',
    '',
  ].join('\n')
  return { text, notes: notesOf(allowed, name) }
}

function notesOf(allowed: readonly Allowed[], name: string): readonly string[] {
  const cut = filePaths(allowed).filter((path) => !isPath(path)).length
  return [
    `load it with \`apparmor_parser -r FILE\` and run the container with \`--security-opt apparmor=${name}\``,
    'the profile applies to the whole container: it does not separate programs or users',
    'the profile has no addresses: every peer of an allowed kind of socket is reachable',
    ...(cut === 0
      ? []
      : [`${cut} paths are outside the file system or were truncated, and are left out`]),
  ]
}

function capabilities(allowed: readonly Allowed[]): readonly string[] {
  const names = allowed.flatMap(({ object }) => (object.kind === 'capability' ? [object.name] : []))
  // A change of user is made with these.
  if (allowed.some(({ object }) => object.kind === 'identity'))
    names.push('CAP_SETUID', 'CAP_SETGID')
  const words = [...new Set(names)].map((each) => each.replace(/^CAP_/, '').toLowerCase())
  return words.sort(compareText).map((word) => `capability ${word},`)
}

function sockets(allowed: readonly Allowed[]): readonly string[] {
  const rules = new Set<string>()
  for (const { object } of allowed) {
    if (object.kind !== 'connect' && object.kind !== 'listen') continue
    const address = object.kind === 'connect' ? object.peer : object.address
    if (object.protocol === 'unix') {
      rules.add('unix,')
      if (address.startsWith('/')) rules.add(`${quoted(escaped(address))} rw,`)
      continue
    }
    const kind = networks[object.protocol]
    const family = address.includes(':') ? ['inet6'] : ['inet', 'inet6']
    for (const each of family)
      rules.add(kind === undefined ? `network ${each} raw,` : `network ${each} ${kind},`)
    // A connection implies name lookups by datagrams and route requests, which may not be in the profile.
    if (object.kind === 'connect') for (const each of family) rules.add(`network ${each} dgram,`)
  }
  if (rules.size > 0) rules.add('network netlink raw,')
  return [...rules].sort(compareText)
}

function calls(allowed: readonly Allowed[], name: string): boolean {
  return allowed.some(({ object }) => object.kind === 'syscall' && object.name === name)
}

function mounts(allowed: readonly Allowed[]): readonly string[] {
  const names = ['mount', 'move_mount', 'fsopen', 'open_tree']
  const rules: string[] = []
  if (names.some((name) => calls(allowed, name))) rules.push('mount,')
  if (calls(allowed, 'umount2')) rules.push('umount,')
  if (calls(allowed, 'pivot_root')) rules.push('pivot_root,')
  if (calls(allowed, 'unshare')) rules.push('userns,')
  return rules
}

function fileRule({ parts, access }: FilePath): string {
  const path = parts.map(globPart).join('')
  const reads = access.has('read') || access.has('exec')
  const isLibrary = parts.some((part) => 'text' in part && /\.so(?:\.|$)/.test(part.text))
  const letters = [
    access.has('exec') || (reads && isLibrary) ? 'm' : '',
    reads ? 'r' : '',
    writes(access) ? 'w' : '',
    writes(access) ? 'k' : '',
  ].join('')
  // AppArmor matches a folder by its name with a slash. The profile does not record which of the two it was.
  const end = path.endsWith('/') ? '' : reads || writes(access) ? '{,/}' : ''
  return `${quoted(path, end)} ${letters},`
}

function globPart(part: PathPart): string {
  return 'text' in part ? escaped(part.text) : '*'
}

/** Literal names: special characters of the language are escaped, bytes are written in octal. */
function escaped(name: string): string {
  return name.replace(/\\x([0-9a-f]{2})|\\\\|[?*[\]{}^"\\@,]|\p{Cc}/gu, (found, hex?: string) => {
    if (hex !== undefined) return octal(Number.parseInt(hex, 16))
    if (found === '\\\\') return '\\\\'
    if (found === '@' || found === ',') return `\\${found}`
    return found < ' ' || found === '\u007f' ? octal(found.charCodeAt(0)) : `\\${found}`
  })
}

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`
}

function quoted(path: string, end = ''): string {
  return /[\s"#,=]/.test(path) ? `"${path}${end}"` : path + end
}
