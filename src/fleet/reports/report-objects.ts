import type { Mode } from '../../core/lifecycle/mode.ts'
import { namespacePattern } from '../../support/config/value-schema.ts'
import type { FleetImage } from '../fleet-image.ts'
import { nodeLabels } from '../kubernetes/fleet-objects.ts'

/** Reports of policy engines, which viewers of other tools show: https://openreports.io */
export const reportsKind = {
  group: 'openreports.io',
  version: 'v1alpha1',
  plural: 'reports',
} as const

/** Results of one report, so that it stays far below the size that the API server takes. */
export const maxResults = 100
const longestText = 512

/** A version with behaviours that wait for review on one node. */
export interface OpenVersion {
  readonly image: FleetImage & { readonly scope: string }
  readonly mode: Mode
  /** Behaviours that wait. */
  readonly pending: number
  /** Behaviours that wait because a guardrail fired on them. */
  readonly quarantined: number
}

export interface ReportResult {
  readonly policy: string
  readonly rule: string
  readonly category: string
  readonly result: 'fail' | 'warn'
  readonly scored: boolean
  readonly timestamp: { readonly seconds: number; readonly nanos: number }
  readonly message: string
  readonly properties: Readonly<Record<string, string>>
}

/** What a node reports of one namespace. */
export interface ReportContent {
  readonly summary: Readonly<Record<'pass' | 'fail' | 'warn' | 'error' | 'skip', number>>
  readonly results: readonly ReportResult[]
}

/** Ends with the node's name, so that a policy of the API server can compare it with the node of the writer. */
export function reportName(node: string): string {
  return `snug.${node}`
}

/** The namespace of a scope; undefined where it has none. */
export function namespaceOf(scope: string): string | undefined {
  const [namespace = ''] = scope.split('/')
  return namespacePattern.test(namespace) ? namespace : undefined
}

/** @param sinceMs when it was first found so, in epoch milliseconds */
export function reportResult(open: OpenVersion, node: string, sinceMs: number): ReportResult {
  const { image, mode, pending, quarantined } = open
  const many = pending + quarantined
  const waiting = many === 1 ? 'behaviour waits' : 'behaviours wait'
  const held = quarantined === 0 ? '' : `, ${quarantined} of them as a guardrail fired`
  return {
    policy: 'snug',
    rule: 'profile',
    category: 'Runtime',
    result: quarantined > 0 ? 'fail' : 'warn',
    scored: quarantined > 0,
    timestamp: { seconds: Math.floor(sinceMs / 1_000), nanos: 0 },
    message: cut(`${image.repository}: ${many} ${waiting} for review on node ${node}${held}`),
    properties: {
      image: cut(image.repository),
      digest: cut(image.digest),
      scope: cut(image.scope),
      node: cut(node),
      mode,
      pending: String(pending),
      quarantined: String(quarantined),
    },
  }
}

/** The worst first; beyond {@link maxResults} the rest is in the summary only. */
export function reportContent(results: readonly ReportResult[]): ReportContent {
  const sorted = results.toSorted(
    (one, other) =>
      Number(other.result === 'fail') - Number(one.result === 'fail') ||
      keyOf(one).localeCompare(keyOf(other)),
  )
  const failed = results.filter(({ result }) => result === 'fail').length
  return {
    summary: { pass: 0, fail: failed, warn: results.length - failed, error: 0, skip: 0 },
    results: sorted.slice(0, maxResults),
  }
}

export interface ReportOwner {
  readonly name: string
  readonly uid: string
}

/** @param owner the node, whose removal removes the report */
export function reportObject(
  namespace: string,
  node: string,
  owner: ReportOwner | undefined,
  content: ReportContent,
): object {
  const { group, version } = reportsKind
  const owners =
    owner === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', ...owner }] }
  return {
    apiVersion: `${group}/${version}`,
    kind: 'Report',
    metadata: {
      name: reportName(node),
      namespace,
      labels: { ...nodeLabels(node), 'app.kubernetes.io/managed-by': 'snug' },
      ...owners,
    },
    source: 'snug',
    scope: { apiVersion: 'v1', kind: 'Namespace', name: namespace },
    configuration: { limits: { maxResults } },
    ...content,
  }
}

function keyOf({ properties }: ReportResult): string {
  return `${properties['image']}@${properties['digest']}#${properties['scope']}`
}

function cut(text: string): string {
  return text.slice(0, longestText)
}
