import { createHash } from 'node:crypto'
import { appendFileSync, closeSync, openSync } from 'node:fs'
import { shaperOf } from '../../core/match/guardrail.ts'
import { SnugError } from '../../errors.ts'
import type { JobRun } from '../../api/engine.ts'
import { mergeDocuments } from '../../supplychain/export/merge-documents.ts'
import {
  documentText,
  parseProfileDocument,
  type ProfileDocument,
} from '../../supplychain/export/profile-document.ts'
import { jobResult } from '../../ci/gate/job-result.ts'
import { gateMarkdown } from '../../ci/gate/markdown.ts'
import { gateSarif } from '../../ci/gate/sarif.ts'
import { coverageText } from '../../ci/scan/coverage-text.ts'
import { loadConfig } from '../../support/config/load-config.ts'
import { loadRules } from '../../support/config/load-rules.ts'
import { packageVersion } from '../../support/package-version.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { jobName } from '../input/job-name.ts'
import { readProfileFile } from '../input/json-file.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { gateText } from '../output/gate-text.ts'
import { runCommand, watching } from '../watched-command.ts'
import { safeJson, safeText } from '../../support/safe-text.ts'

export const jobModes = ['learn', 'audit', 'block'] as const

export interface RecordOptions {
  readonly image?: string
  readonly out?: string
  readonly config?: string
  /** True without a name. */
  readonly job?: string | true
  readonly as?: string
  readonly mode?: (typeof jobModes)[number]
  readonly profile?: string
  readonly update?: true
  readonly sarif?: string
}

/** Of a profile of a job, where nothing else is named. */
const defaultFile = 'snug-job.json'

/** Errors: USAGE, JOB_UNKNOWN, JOB_UNWATCHED, JOB_UNBLOCKED, COMMAND_FAILED, those of the profile and the sensor */
export async function recordJob(
  command: readonly string[],
  options: RecordOptions,
  context: CliContext,
): Promise<void> {
  const { mode = 'learn', profile: file, update = false } = options
  const { io } = context
  const job = jobName(options.job === true ? undefined : options.job, io.env, options.as)
  const before = file === undefined ? undefined : profileOf(job, file)
  if (mode !== 'learn' && before === undefined)
    throw new SnugError(
      'USAGE',
      `\`--mode ${mode}\` needs \`--profile\`: the profile of earlier runs`,
    )
  if (update && mode !== 'audit')
    throw new SnugError('USAGE', '`--update` is for `--mode audit`: in other modes, use `--out`')
  const image = imageOf(job)
  const run: JobRun =
    mode === 'learn' || before === undefined
      ? { image }
      : { image, judged: { mode, profile: before } }
  const { config } = options
  const given = { env: io.env, flags: watching }
  const loaded = loadConfig(config === undefined ? given : { ...given, file: config })
  const { recordRun } = await import('../../main.ts')
  let failed: unknown
  const recorded = await recordRun(loaded, run, async (door) => {
    failed = await enter(door, command, context).catch((error: unknown) => error)
  })
  if (recorded.outlived > 0) {
    const what = mode === 'block' ? 'were ended' : 'are no longer watched'
    printLine(io, `snug: ${recorded.outlived} processes outlived the command and ${what}`)
  }
  const [version] = recorded.versions
  if (version === undefined || version.runs === 0)
    throw new SnugError('JOB_UNWATCHED', 'the sensor reported no container for the job')
  const own = parseProfileDocument(JSON.parse(version.text))
  const shaper = shaperOf(loadRules())
  const after = before === undefined ? own : mergeDocuments(before, own, shaper)
  const result = jobResult({
    job,
    seen: after.behaviours.length,
    before: before?.behaviours.length ?? 0,
    lost: version.lost,
    alerts: mode === 'learn' ? [] : recorded.alerts,
  })
  await context.print(result, result.findings, () => gateText(result, io))
  const { sarif } = options
  if (sarif !== undefined)
    writeOutputFile(
      sarif,
      `${safeJson(JSON.stringify(gateSarif(result, packageVersion()), null, 2))}\n`,
    )
  const summary = io.env['GITHUB_STEP_SUMMARY']
  if (summary !== undefined && summary !== '') appendFileSync(summary, gateMarkdown(result))
  if (!result.passed) context.exit = 2
  else if (failed !== undefined) throw failed
  const out = outOf(options, update, result.passed && version.lost === 0)
  if (out === undefined || failed !== undefined) return
  writeOutputFile(out, documentText(after))
  printLine(io, `snug: ${after.behaviours.length} behaviours of the job: ${safeText(out)}`)
  printLine(io, `snug: ${coverageText(after, shaper)}`)
}

/** Where the profile goes: while it judges, nowhere, unless the run is to be added to it and may be. */
function outOf(
  { mode = 'learn', out, profile }: RecordOptions,
  update: boolean,
  isClean: boolean,
): string | undefined {
  if (mode === 'learn') return out ?? profile ?? defaultFile
  return update && isClean ? (out ?? profile) : undefined
}

/** Errors: SOURCE_UNREADABLE, PROFILE_INVALID; also where it is of another job */
function profileOf(job: string, file: string): ProfileDocument {
  const profile = readProfileFile(file)
  const { repository } = profile.image
  if (repository === job) return profile
  throw new SnugError(
    'PROFILE_INVALID',
    `\`${file}\` is the profile of \`${repository}\`, not of \`${job}\``,
  )
}

/** All runs of a job are one version: what it runs differs in each. */
function imageOf(job: string): ProfileDocument['image'] {
  const digest = createHash('sha256').update(job).digest('hex')
  return { repository: job, digest: `sha256:${digest}` }
}

/**
 * Enters the cgroup last: what precedes the command is not part of the job. The sensor takes what runs in the mount
 * namespace of its runtime for the runtime. Mounts go on reaching both sides.
 */
const apart = ['unshare', '--mount', '--propagation', 'unchanged']
const entering = ['/bin/sh', '-c', 'echo 0 >&3; exec 3>&-; exec "$@"', 'snug']

/** @param door opens the cgroup of the job */
async function enter(door: string, command: readonly string[], context: CliContext): Promise<void> {
  const opened = openSync(door, 'w')
  const [shown] = command
  // Standard output has the result where that is data.
  const output = context.format() === 'table' ? 'inherit' : 2
  try {
    const all = [...apart, ...asCaller(context), ...entering, ...command]
    await runCommand(all, context.io, ['inherit', output, 'inherit', opened], shown)
  } finally {
    closeSync(opened)
  }
}

/** With sudo, Snug is root and the command is not. */
function asCaller({ io: { env } }: CliContext): readonly string[] {
  const { SUDO_UID: uid, SUDO_GID: gid, SUDO_USER: user } = env
  if (uid === undefined || gid === undefined || user === undefined) return []
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups']
}
