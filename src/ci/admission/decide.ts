import { globs } from '../../core/match/glob.ts'
import type { AdmissionAction, AdmissionPolicy } from './policy.ts'

/** The result of the checks of one image of a pod. */
export interface ImageOutcome {
  /** As the pod names it. */
  readonly name: string
  readonly faults: readonly string[]
  /** Why the image could not be verified; `faults` is empty then. */
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
  /** Whether the creator of the pod gets a warning. */
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

/** Decides on a pod by its images. A fault outweighs an image that could not be verified. */
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
