import { z } from 'zod'
import { holds, parseAddress, parseBlock } from '../../core/behaviour/address-block.ts'
import type { BehaviourObject } from '../../core/behaviour/behaviour.ts'
import { sha256Hex } from '../../core/behaviour/sha256.ts'
import { literalPath } from '../../core/behaviour/shape.ts'
import type { ImageRef } from '../../core/event/event.ts'
import { accesses } from '../../core/event/event-words.ts'
import { globs, type Matcher, texts } from '../../core/match/glob.ts'
import type { LiveEntry } from '../../core/profile/live-entry.ts'
import type { Profile } from '../../core/profile/profile.ts'
import { readRules } from '../../support/config/load-rules.ts'
import type { Recording } from '../../supplychain/export/profile-document.ts'
import { levelOf } from './behaviour-findings.ts'
import type { GateFinding, Representative } from '../../supplychain/findings/finding.ts'
import type { GateLevel } from './policy-schema.ts'

const text = z.string().min(1)
const port = z.int().min(1).max(65_535)
const protocol = z.enum(['tcp', 'udp']).default('tcp')

/** A file that names what a profile must have seen. */
export const representativeSchema = z
  .strictObject({
    schema: z.literal('snug.representative/v1'),
    programs: z.array(text).default([]).meta({
      description: 'programs and scripts that ran, as globs',
    }),
    peers: z
      .array(
        z.strictObject({
          peer: text.meta({ description: 'name with `*` for any text, address, or block' }),
          port: port.exactOptional().meta({ description: 'default: any' }),
          protocol,
        }),
      )
      .default([]),
    listens: z.array(z.strictObject({ port, protocol })).default([]),
    files: z
      .array(
        z.strictObject({
          path: text.meta({ description: 'glob' }),
          access: z.enum(accesses).exactOptional().meta({ description: 'default: any' }),
        }),
      )
      .default([]),
    containers: z
      .int()
      .min(1)
      .default(1)
      .meta({ description: 'least number of containers that were observed' }),
  })
  .meta({ title: 'What a profile must have seen, v1' })

export type Requirements = z.output<typeof representativeSchema>

/** Errors: POLICY_INVALID, with file and line */
export function loadRequirements(file: string): Requirements {
  return readRules(file, representativeSchema, 'POLICY_INVALID')
}

/**
 * For the agent: what a version of an image has not shown yet, by the files for its repository. Undefined without one.
 * Errors: POLICY_INVALID, with file and line
 */
export function requirementsByImage(
  rules: readonly { readonly images: readonly string[]; readonly file: string }[],
): (image: ImageRef) => ((profile: Profile) => readonly string[]) | undefined {
  const loaded = rules.map(({ images, file }) => ({
    concerns: globs(images),
    requirements: loadRequirements(file),
  }))
  return ({ repository }) => {
    const own = loaded.filter(({ concerns }) => concerns(repository))
    if (own.length === 0) return undefined
    return (profile) =>
      own.flatMap(({ requirements }) => representativeOf(requirements, profile).missing)
  }
}

/**
 * What the service must have shown and did not: a profile that was learned while it idled passes every other check.
 * Behaviour counts where it is expected and was observed, outside exec sessions.
 */
export function representativeOf(
  requirements: Requirements,
  profile: Profile,
  recordings: readonly Recording[] = [],
): Representative {
  const seen = profile.page().filter(isSeen)
  const objects = seen.map(({ object }) => object)
  const lacks = (what: string, is: (entry: Readonly<LiveEntry>) => boolean): readonly string[] =>
    seen.some(is) ? [] : [what]
  const { programs, peers, listens, files, containers } = requirements
  const observed = containersOf(seen, recordings)
  const missing = [
    ...programs.flatMap((glob) => {
      const matches = globs([glob])
      return lacks(`program ${glob} never ran`, ({ object }) => runs(object, matches))
    }),
    ...peers.flatMap((wanted) => {
      const named = `${wanted.protocol} ${wanted.peer}${wanted.port === undefined ? '' : `:${wanted.port}`}`
      const matches = peerMatcher(wanted.peer)
      const isMet = objects.some(
        (object) =>
          object.kind === 'connect' &&
          object.protocol === wanted.protocol &&
          (wanted.port === undefined || object.drawn === true || object.port === wanted.port) &&
          matches(object.peer),
      )
      return isMet ? [] : [`peer ${named} was never connected to`]
    }),
    ...listens.flatMap((wanted) =>
      lacks(
        `it never listened on ${wanted.protocol} ${wanted.port}`,
        ({ object }) =>
          object.kind === 'listen' &&
          object.protocol === wanted.protocol &&
          object.port === wanted.port,
      ),
    ),
    ...files.flatMap(({ path, access }) => {
      const matches = globs([path])
      const act = access === undefined ? 'used' : pastOf[access]
      return lacks(
        `no file ${path} was ${act}`,
        (entry) =>
          entry.object.kind === 'file' &&
          (access === undefined || entry.object.access === access) &&
          pathsOf(entry, entry.object).some(matches),
      )
    }),
    ...(observed < containers
      ? [`containers: ${observed} observed, at least ${containers} needed`]
      : []),
  ]
  const required = programs.length + peers.length + listens.length + files.length + 1
  return { required, missing }
}

export function representativeFindings(
  { missing }: Representative,
  level: GateLevel,
): readonly GateFinding[] {
  return missing.map((what) => ({
    id: `unseen-${sha256Hex(what).slice(0, 10)}`,
    rule: 'not-representative',
    level: levelOf(level),
    text: what,
  }))
}

const pastOf = {
  read: 'read',
  write: 'written',
  create: 'created',
  delete: 'deleted',
  rename: 'renamed',
  setattr: 'given other attributes',
  exec: 'mapped',
} as const

function isSeen(entry: Readonly<LiveEntry>): boolean {
  const { state } = entry
  if (state !== 'learned' && state !== 'approved' && state !== 'derived') return false
  for (const { origin, count } of entry.allCells()) {
    if (origin !== 'exec-in' && count > 0) return true
  }
  return false
}

function runs(object: BehaviourObject, matches: Matcher): boolean {
  if (object.kind !== 'exec') return false
  return matches(object.path) || (object.script !== undefined && matches(object.script))
}

/** A name with or without the final dot of DNS. */
function peerMatcher(wanted: string): Matcher {
  const block = parseBlock(wanted)
  if (block !== undefined) {
    return (peer) => {
      const address = parseAddress(peer)
      return address !== undefined && holds(block, address)
    }
  }
  const matches = texts([wanted.replace(/\.$/, '')])
  return (peer) => matches(peer.replace(/\.$/, ''))
}

/** Of a pattern the paths that were kept. */
function pathsOf(
  entry: Readonly<LiveEntry>,
  { path }: Extract<BehaviourObject, { kind: 'file' }>,
): readonly string[] {
  const literals: string[] = []
  for (const { witnesses } of entry.allCells()) literals.push(...(witnesses?.literals.texts ?? []))
  return literals.length === 0 ? [literalPath(path)] : literals
}

/** At least: evidence of several containers may have been added up. */
function containersOf(
  seen: readonly Readonly<LiveEntry>[],
  recordings: readonly Recording[],
): number {
  const names = new Set(
    recordings.flatMap(({ runs: all }) => all.map(({ container }) => container)),
  )
  let most = 0
  for (const entry of seen) {
    let own = 0
    const counted = new Set<string>()
    for (const { container, containers = 1, origin } of entry.allCells()) {
      if (origin === 'exec-in' || counted.has(container)) continue
      counted.add(container)
      names.add(container)
      own += containers
    }
    most = Math.max(most, own)
  }
  return Math.max(most, names.size)
}
