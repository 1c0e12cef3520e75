import type { ImageRef } from '../../core/event/event.ts'
import { hasDigest, type ImageFacts, startsAsRoot } from '../../supplychain/image/image-facts.ts'
import { durationText } from '../../core/lifecycle/wording.ts'
import { levelOf } from './behaviour-findings.ts'
import type { GateFinding } from '../../supplychain/findings/finding.ts'
import type { BaseImage, ImagePolicy } from './policy-schema.ts'

/** Findings about the image itself. */
export function imageFindings(
  facts: ImageFacts,
  policy: ImagePolicy,
  nowMs: number,
): readonly GateFinding[] {
  return [
    rootFinding(facts, policy),
    baseFinding(facts, policy),
    ageFinding(facts, policy, nowMs),
  ].filter((finding) => finding !== undefined)
}

/** A profile of a different image is no evidence about this one. */
export function otherImageFinding(
  { repository, digest }: ImageRef,
  facts: ImageFacts,
): GateFinding | undefined {
  if (facts.imageId === undefined || hasDigest(facts, digest)) return undefined
  return {
    id: 'other-image',
    rule: 'other-image',
    level: 'approve',
    text: `the profile is of ${repository}@${digest}, and this image is ${facts.imageId}`,
  }
}

function rootFinding(facts: ImageFacts, { root }: ImagePolicy): GateFinding | undefined {
  if (!startsAsRoot(facts)) return undefined
  const text = facts.user === '' ? 'the image names no user' : `the image's user is ${facts.user}`
  return { id: 'image-root', rule: 'image-root', level: levelOf(root), text }
}

function baseFinding({ diffIds }: ImageFacts, { base }: ImagePolicy): GateFinding | undefined {
  if (base === undefined || base.approved.some((one) => isHeadOf(one, diffIds))) return undefined
  const names = base.approved.map(({ name }) => name).join(', ')
  return {
    id: 'image-base',
    rule: 'image-base',
    level: levelOf(base.level),
    text: `its lowest layers are those of no approved base (${names})`,
    ...(diffIds[0] === undefined ? {} : { why: `the lowest layer is ${diffIds[0]}` }),
  }
}

/** An image is built on a base where its layers begin with all of the base's. */
export function isHeadOf({ layers }: BaseImage, diffIds: readonly string[]): boolean {
  return layers.every((layer, at) => diffIds[at] === layer)
}

function ageFinding(
  { created }: ImageFacts,
  { age }: ImagePolicy,
  nowMs: number,
): GateFinding | undefined {
  if (age === undefined) return undefined
  const base = { id: 'image-age', rule: 'image-age', level: levelOf(age.level) } as const
  if (created === undefined) return { ...base, text: 'the image has no build time' }
  const old = nowMs - Date.parse(created)
  if (old <= age.maxMs) return undefined
  const text = `the image was built ${durationText(old)} ago, ${durationText(age.maxMs)} are allowed`
  return { ...base, text, why: `built at ${created}` }
}
