import { globs } from '../../core/match/glob.ts'
import type { AdmissionAction, AdmissionPolicy } from './policy.ts'

/** What is known of one image of a pod. */
export interface ImageOutcome {
  /** As the pod names it. */
  readonly name: string
  readonly faults: readonly string[]
  /** Why it could not be told whether it is trusted; then there are no faults. */
  readonly unknown?: string
}

export const admissionVerdicts = [
  'admitted',
  'ignored',
  'noted',
  'warned',
  'undecided',
  'refused',
] as const
export type AdmissionVerdict = (typeof admissionVerdicts)[number]

export interface Decision {
  readonly verdict: AdmissionVerdict
  readonly allowed: boolean
  /** Whether who made the pod is told. */
  readonly warns: boolean
  /** One sentence each; names in it come from pods. */
  readonly reasons: readonly string[]
}

/** By namespace. */
export type ActionOf = (namespace: string) => AdmissionAction

export function actionOf({ namespaces, action }: AdmissionPolicy): ActionOf {
  const rules = namespaces.map((rule) => ({ has: globs(rule.names), action: rule.action }))
  return (namespace) => rules.find(({ has }) => has(namespace))?.action ?? action
}

/** What a pod gets for its images. A fault weighs more than what could not be told. */
export function decide(
  action: AdmissionAction,
  failClosed: boolean,
  images: readonly ImageOutcome[],
): Decision {
  if (action === 'ignore') return { verdict: 'ignored', allowed: true, warns: false, reasons: [] }
  const faults = images.flatMap(({ name, faults: of }) => of.map((fault) => `${name}: ${fault}`))
  const unknown = images.flatMap(({ name, unknown: why }) =>
    why === undefined ? [] : [`${name}: cannot verify it: ${why}`],
  )
  const reasons = [...faults, ...unknown]
  if (faults.length > 0) return { ...given[action], reasons }
  if (unknown.length === 0) return { verdict: 'admitted', allowed: true, warns: false, reasons }
  if (failClosed && action === 'deny') return { ...given.deny, reasons }
  return { verdict: 'undecided', allowed: true, warns: action !== 'audit', reasons }
}

const given = {
  deny: { verdict: 'refused', allowed: false, warns: true },
  warn: { verdict: 'warned', allowed: true, warns: true },
  audit: { verdict: 'noted', allowed: true, warns: false },
} as const satisfies Record<Exclude<AdmissionAction, 'ignore'>, Omit<Decision, 'reasons'>>
