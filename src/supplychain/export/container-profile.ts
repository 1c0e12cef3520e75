import { stringify } from 'yaml'
import { isDnsPeer } from '../../core/behaviour/dns-name.ts'
import { sha256Hex } from '../../core/behaviour/sha256.ts'
import type { Access } from '../../core/event/event-words.ts'
import { type Allowed, type Exportable, type Exported, nameOf } from './allowed.ts'
import { compareText } from '../../core/compare-text.ts'
import { type Egress, egressOf, isAddress, unique } from './network.ts'
import { filePaths, isPath, type PathPart } from './paths.ts'

/** In Kubescape's language one segment of a path, and any number of arguments. */
const anySegment = '⋯'
const anyArguments = '⋯⋯'

/**
 * A ContainerProfile of Kubescape, the form of a Software Bill of Behavior: what a vendor ships with a release. Pods
 * take it by the label `kubescape.io/user-defined-profile`.
 */
export function containerProfile(what: Exportable): Exported {
  const { allowed, image } = what
  const name = nameOf(image)
  const egress = egressOf(allowed)
  const ranges = egress.filter(({ endPort }) => endPort !== undefined)
  const profile = {
    apiVersion: 'spdx.softwarecomposition.kubescape.io/v1beta1',
    kind: 'ContainerProfile',
    metadata: { name, annotations: { 'kubescape.io/managed-by': 'User' } },
    spec: {
      execs: execsOf(allowed),
      opens: opensOf(allowed),
      capabilities: names(
        allowed.flatMap(({ object }) => (object.kind === 'capability' ? [object.name] : [])),
      ),
      syscalls: [],
      endpoints: [],
      ingress: [],
      egress: egress.map(neighbour),
    },
  }
  return {
    text: stringify(profile),
    notes: [
      `pods take it by the label \`kubescape.io/user-defined-profile: ${name}\`, once it is in their namespace`,
      'the profile does not separate users and actors: what one program may do, all may do',
      'flags of opens follow from reads and changes; any arguments of a program are in it',
      'the profile has no system calls and no HTTP endpoints, and does not limit who connects',
      'a variable name stands for its whole segment of the path',
      ...(ranges.length === 0
        ? []
        : ['a range of ports does not fit: of each range only the first port is in it']),
    ],
  }
}

/** A script is the first argument of its interpreter. */
function execsOf(allowed: readonly Allowed[]): readonly object[] {
  const found = allowed.flatMap(({ object }) =>
    object.kind === 'exec' && object.path.startsWith('/') && !readsAsPattern(object.path)
      ? [{ path: object.path, args: [object.script ?? object.path, anyArguments] }]
      : [],
  )
  return unique(found)
}

/** The format has no escapes, and no program may stand for others. */
function readsAsPattern(path: string): boolean {
  return /[*\u22ef]/.test(path)
}

function opensOf(allowed: readonly Allowed[]): readonly object[] {
  const flags = new Map<string, Set<string>>()
  for (const file of filePaths(allowed).filter(isPath)) {
    const path = segmentsOf(file.parts)
    const own = flags.get(path) ?? new Set()
    for (const flag of flagsOf(file.access)) own.add(flag)
    // A file that is only removed or renamed is not opened.
    if (own.size > 0) flags.set(path, own)
  }
  // An interpreter reads its script, which by that differs from another name of the program.
  for (const { object } of allowed) {
    if (object.kind !== 'exec' || object.script?.startsWith('/') !== true) continue
    const path = segmentsOf([{ text: object.script }])
    flags.set(path, (flags.get(path) ?? new Set()).add('O_RDONLY'))
  }
  return [...flags]
    .sort(([a], [b]) => compareText(a, b))
    .map(([path, own]) => ({ flags: [...own].sort(), path }))
}

function flagsOf(access: ReadonlySet<Access>): readonly string[] {
  return [
    ...(access.has('read') || access.has('exec') ? ['O_RDONLY'] : []),
    ...(access.has('write') || access.has('create') ? ['O_WRONLY'] : []),
    ...(access.has('create') ? ['O_CREAT'] : []),
  ]
}

/** A path with each segment that varies as any segment; also one that is literal, and would be read as a pattern. */
export function segmentsOf(parts: readonly PathPart[]): string {
  const marked = parts.map((part) => ('text' in part ? part.text : '\0')).join('')
  return marked.replace(/[^/]*[\0*\u22ef][^/]*/g, anySegment)
}

function neighbour({ peer, protocol, port }: Egress): object {
  const ports = port === 0 ? [] : [{ name: `${protocol}-${port}`, port, protocol }]
  const to = { ...placeOf(peer), ports }
  return { identifier: sha256Hex(JSON.stringify(to)), ...to }
}

/** A service of the cluster is known by its namespace only. */
function placeOf(peer: string): object {
  if (isAddress(peer)) return { type: 'external', ipAddresses: [peer] }
  if (isDnsPeer(peer)) return { type: 'external', dnsNames: [peer] }
  const [, namespace] = peer.split('.')
  if (namespace === undefined) return { type: 'external', dnsNames: [`${peer}.`] }
  const matchLabels = { 'kubernetes.io/metadata.name': namespace }
  return { type: 'internal', namespaceSelector: { matchLabels } }
}

function names(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort(compareText)
}
