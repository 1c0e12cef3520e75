import type { ImageRef } from '../../core/event/event.ts'
import { formatVersions } from '../../core/event/format-versions.ts'
import { sha256Hex } from '../../core/behaviour/sha256.ts'
import type { JoinedFinding, JoinedScan } from './join.ts'

export interface VexOptions {
  readonly image: ImageRef
  /** The image that the profile is of. */
  readonly observed: ImageRef
  /** RFC 3339 */
  readonly time: string
  readonly version: string
  /**
   * The person who confirms that unseen packages are not affected. Absent: it is only proposed, and suppresses nothing.
   */
  readonly acceptedBy?: string
}

/**
 * OpenVEX 0.2: the runtime use of each finding. A package that was not seen is a reason for `not_affected`, but a
 * person has to confirm that. Without a confirmation every statement stays `under_investigation`, with the proposal in
 * its notes.
 */
export function openVex(scan: JoinedScan, options: VexOptions): object {
  const { image, observed, time, version, acceptedBy } = options
  const other = observed.digest === image.digest ? '' : ` of ${observed.digest}`
  const statements = scan.findings.map((finding) =>
    statementOf(finding, `${scan.coverage}${other}`, image, acceptedBy),
  )
  const identity = sha256Hex(JSON.stringify([image, statements, acceptedBy ?? null]))
  return {
    '@context': `https://openvex.dev/ns/v${formatVersions.openvex}`,
    '@id': `urn:snug:vex:${identity}`,
    author: acceptedBy ?? 'Snug',
    ...(acceptedBy === undefined ? { role: 'proposal of a tool, not reviewed' } : {}),
    timestamp: time,
    version: 1,
    tooling: `snug ${version}`,
    statements,
  }
}

function statementOf(
  finding: JoinedFinding,
  coverage: string,
  image: ImageRef,
  acceptedBy: string | undefined,
): object {
  const { id, use, why, fixed } = finding
  const base = { vulnerability: { name: id }, products: [productOf(finding, image)] }
  const notes = `${useText[use]}: ${why} (${coverage})`
  if (use === 'not-seen') {
    const justification = 'vulnerable_code_not_in_execute_path'
    if (acceptedBy !== undefined) {
      return { ...base, status: 'not_affected', justification, status_notes: notes }
    }
    const proposal = `proposed: not_affected, ${justification}`
    return { ...base, status: 'under_investigation', status_notes: `${proposal}; ${notes}` }
  }
  const fix = fixed.length === 0 ? '' : `; fixed in ${fixed.join(', ')}`
  return { ...base, status: 'under_investigation', status_notes: `${notes}${fix}` }
}

const useText: Readonly<Record<JoinedFinding['use'], string>> = {
  'in-use': 'in use',
  loaded: 'loaded',
  unknown: 'not known',
  'not-seen': 'not seen',
}

function productOf({ package: name, version, purl }: JoinedFinding, image: ImageRef): object {
  const short = image.repository.slice(image.repository.lastIndexOf('/') + 1).toLowerCase()
  // Without a registry, as before an image is published, the digest alone identifies it.
  const isPublished = image.repository.includes('/')
  const where = isPublished ? `?repository_url=${encodeURIComponent(image.repository)}` : ''
  const product = `pkg:oci/${encodeURIComponent(short)}@${encodeURIComponent(image.digest)}${where}`
  const component = isPurl(purl) ? purl : genericPurl(name, version)
  return { '@id': product, subcomponents: [{ '@id': component }] }
}

/** Only a valid URL is used from a report. */
function isPurl(text: string | undefined): text is string {
  return text !== undefined && /^pkg:[A-Za-z0-9.+-]+\/[\w\-.~%/@?&=:+,]+$/.test(text)
}

function genericPurl(name: string, version: string): string {
  const of = version === '' ? '' : `@${encodeURIComponent(version)}`
  return `pkg:generic/${encodeURIComponent(name)}${of}`
}
