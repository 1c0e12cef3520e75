import { SnugError } from '../../errors.ts'
import { type ExportFormat, exportSteps } from '../../supplychain/export/export-profile.ts'
import {
  observedOf,
  parseProfileDocument,
  type ProfileDocument,
} from '../../supplychain/export/profile-document.ts'
import type { Steps } from '../../core/steps.ts'
import { withImported, withPrior } from '../../core/lifecycle/imported.ts'
import type { AgentState } from '../records/agent-state.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import type { Decider } from '../../api/engine.ts'
import type { ProfileExport } from '../../api/profile-views.ts'
import { commitDecision, enforcementSnapshot } from '../decisions/commit-decision.ts'
import { doubtsOf } from '../reading/root-view.ts'
import type { VersionRegistry } from '../records/versions/version-registry.ts'

const maxBytes = 64 * 1_048_576

export function* exportOf(
  version: DeployedVersion,
  format: ExportFormat,
  registry: VersionRegistry,
  nowMs: number,
): Steps<ProfileExport> {
  const { image, profile, observed } = version
  const doubts = yield* doubtsOf(version, registry, nowMs)
  return { image, format, ...(yield* exportSteps(format, image, profile, observed, doubts)) }
}

/**
 * Merges an exported profile into the version of its image, which is made where this node has not seen it yet, and
 * then waits for review. A profile that a vendor ships becomes its prior: the version goes on learning.
 *
 * Errors: `PROFILE_INVALID`, `MODE_REFUSED` where the version is enforced already.
 */
export async function importProfile(
  context: AgentState,
  chunks: AsyncIterable<Uint8Array>,
  by: Decider,
): Promise<DeployedVersion> {
  const document = parseProfileDocument(await readDocument(chunks))
  const { image, behaviours, prior } = document
  const nowMs = context.now()
  const version = context.registry.ofImage(image, new Date(nowMs).toISOString())
  const before = enforcementSnapshot(version)
  const kinds = observedOf(document)
  const step =
    prior === undefined
      ? withImported(version.life, by.who, nowMs)
      : withPrior(version.life, prior.name, by.who)
  version.profile.merge(behaviours)
  version.watchedFor(kinds)
  if (prior !== undefined) version.judgedByPrior(kinds)
  context.registry.lifecycle.apply(version, step)
  const fields = { behaviours: behaviours.length, before, after: enforcementSnapshot(version) }
  await commitDecision(context, version, { what: 'import', by, fields, expects: true })
  return version
}

async function readDocument(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const chunk of chunks) {
    size += chunk.byteLength
    if (size > maxBytes) {
      throw new SnugError('PROFILE_INVALID', `a profile holds at most ${maxBytes} bytes`)
    }
    parts.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8')) as ProfileDocument
  } catch (cause) {
    throw new SnugError('PROFILE_INVALID', 'the file is not JSON', { cause })
  }
}
