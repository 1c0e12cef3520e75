import { profileDocument, type RecordedRun } from '../../supplychain/export/profile-document.ts'
import type { RecordedVersion } from '../../api/engine.ts'
import { isoOf } from '../../core/event/time.ts'
import { stintsOf } from '../../core/coverage/coverage.ts'
import type { DeployedVersion } from '../records/versions/deployed-version.ts'
import { watchedRuns } from '../records/versions/watched-runs.ts'

/** The recording of a version between two moments (epoch milliseconds): its evidence and the gaps in it. */
export function recordedVersion(
  version: DeployedVersion,
  node: string,
  fromMs: number,
  toMs: number,
): RecordedVersion {
  const { image, tags, otherDigests, imageIds, profile, observed, losses } = version
  const runs = watchedRuns(version, toMs, node).flatMap((run) =>
    stintsOf(run).map(
      ({ from, to, before, ended }): RecordedRun => ({
        container: run.container,
        from: isoOf(from),
        to: isoOf(to),
        ...(before === true ? { before } : {}),
        ...(ended === true ? { ended } : {}),
      }),
    ),
  )
  const spans = losses.spans.map(({ reason, count, from, to }) => ({ reason, count, from, to }))
  const [from, to] = [fromMs, toMs].map((ms) => new Date(ms).toISOString())
  const recording = { node, from: from ?? '', to: to ?? '', runs, losses: spans }
  return {
    image,
    tags: [...tags],
    digests: [image.digest, ...otherDigests, ...imageIds],
    text: profileDocument(image, profile.entries(), observed, [recording]),
    behaviours: profile.shown,
    runs: runs.length,
    lost: spans.reduce((sum, { count }) => sum + count, 0),
  }
}
