import { decidedBy } from '../../core/lifecycle/decided-spec.ts'
import { actorText } from '../../core/behaviour/describe.ts'
import {
  type Decision,
  laterDecision,
  type ProfileEntry,
} from '../../core/profile/profile-entry.ts'
import type { SpecDecision } from '../../fleet/kubernetes/spec-decision.ts'
import { type Connection, connectionOf } from './connection.ts'
import type { Interned } from './interned.ts'

/** A connection that a node published: it learned it, or a person decided on it there. */
export interface PublishedConnection extends Connection {
  /** Of the behaviour. */
  readonly id: string
  readonly program: string
  /** The service itself made it while the node learned. */
  readonly isLearned: boolean
  readonly decision?: Decision
}

/** The connections among the behaviours of a slice. */
export function publishedConnections(
  entries: readonly ProfileEntry[],
  keep: Interned,
): readonly PublishedConnection[] {
  return entries.flatMap(({ id, actor, object, cells, decision }) => {
    const literals = (): readonly string[] => [
      ...cells.flatMap(({ witnesses }) => witnesses?.literals ?? []),
      ...(decision?.grants ?? []).flatMap(({ witnesses }) => witnesses?.literals ?? []),
    ]
    const connection = connectionOf(object, literals)
    if (connection === undefined) return []
    const { protocol, peer } = connection
    const made: PublishedConnection = {
      ...connection,
      protocol: keep.text(protocol),
      peer: keep.text(peer),
      id,
      program: keep.text(actorText(actor)),
      isLearned: cells.length > 0,
      ...(decision === undefined ? {} : { decision }),
    }
    return [made]
  })
}

/** A connection of one program that a version may make, over all nodes. */
export interface AllowedConnection {
  readonly connection: Connection
  readonly program: string
  /** Nodes that published it. */
  readonly nodes: readonly string[]
}

/** What a slice has for this. */
export interface PublishingSlice {
  /** Absent of a decision that was made at no node. */
  readonly node?: string
  readonly connections: readonly PublishedConnection[]
}

interface Draft {
  readonly connection: PublishedConnection
  readonly nodes: string[]
  isLearned: boolean
  decision: Decision | undefined
}

/**
 * What the nodes published of the connections of one version, without those that were rejected. The latest decision on a
 * behaviour applies, in a slice or in the ImageProfile; those of git take precedence.
 */
export function allowedConnections(
  slices: Iterable<PublishingSlice>,
  spec: Pick<SpecDecision, 'decisions' | 'isGit'>,
): readonly AllowedConnection[] {
  const drafts = new Map<string, Draft>()
  for (const { node, connections } of slices) {
    for (const connection of connections) {
      const { id, isLearned, decision } = connection
      const draft = drafts.get(id)
      const at = node === undefined ? [] : [node]
      if (draft === undefined) drafts.set(id, { connection, nodes: at, isLearned, decision })
      else {
        draft.nodes.push(...at)
        draft.isLearned ||= isLearned
        draft.decision = laterDecision(draft.decision, decision)
      }
    }
  }
  const ofSpec = new Map(spec.decisions.map((each) => [each.behaviour, each]))
  const allowed: AllowedConnection[] = []
  for (const [id, { connection, nodes, isLearned, decision }] of drafts) {
    const inSpec = ofSpec.get(id)
    const isOfSpec = inSpec !== undefined && (spec.isGit || inSpec.at >= (decision?.at ?? ''))
    const kind = isOfSpec ? decidedBy[inSpec.action] : decision?.kind
    if (kind === 'approved' || (kind !== 'rejected' && isLearned))
      allowed.push({ connection, program: connection.program, nodes })
  }
  return allowed
}
