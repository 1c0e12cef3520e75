import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { loadRules } from '../../support/config/load-rules.ts'
import { loadGatePolicy } from '../../ci/gate/load-policy.ts'
import { SnugError } from '../../errors.ts'
import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import type { GateResult } from '../../supplychain/findings/finding.ts'
import { findAll, type GateInput, gateResult } from '../../ci/gate/gate.ts'
import { gateGrafeas } from '../../ci/gate/grafeas.ts'
import { gateJunit } from '../../ci/gate/junit.ts'
import { gateMarkdown } from '../../ci/gate/markdown.ts'
import { parseRegoOutput, regoInput, withRego } from '../../ci/gate/rego.ts'
import { gateSarif } from '../../ci/gate/sarif.ts'
import { shaperOf } from '../../core/match/guardrail.ts'
import { defaultEntrypoint, type RegoPolicy } from '../../plugins/rego/rego-policy.ts'
import { serverPolicy } from '../../plugins/rego/server-policy.ts'
import { wasmPolicy } from '../../plugins/rego/wasm-policy.ts'
import type { CliContext } from '../cli-context.ts'
import { writeTo } from '../cli-io.ts'
import { gateText } from '../output/gate-text.ts'
import { imageInput, type ImageOptions } from '../input/image-input.ts'
import { readProfileFile } from '../input/json-file.ts'
import { packageVersion } from '../../support/package-version.ts'
import type { JoinedScan } from '../../ci/scan/join.ts'
import { contrastOption, representativeOption, trialsOf } from '../input/profile-trials.ts'
import { grafeasProjectOption } from '../input/option-values.ts'
import { joined, readReports } from '../input/scan-input.ts'
import { writeOutputFile } from '../input/output-file.ts'
import {
  type TrustOptions,
  trustsSomebody,
  verifiedProfile,
  withTrustOptions,
} from '../input/verified-profile.ts'
import { safeJson } from '../../support/safe-text.ts'

const reportFormats = ['sarif', 'junit', 'markdown', 'json', 'grafeas'] as const
type ReportFormat = (typeof reportFormats)[number]

interface ReportTo {
  readonly format: ReportFormat
  readonly file: string
}

interface Options extends ImageOptions, TrustOptions {
  readonly profile?: string
  readonly baseline?: string
  readonly policy?: string
  readonly policyWasm?: string
  readonly policyEntrypoint?: string
  readonly policyOpa?: string
  readonly rules?: string
  readonly scan?: readonly string[]
  readonly contrast?: true | string
  readonly representative?: string
  readonly grafeasProject: string
  readonly write: readonly ReportTo[]
}

export function gateCommand(program: Command, context: CliContext): void {
  const gate = program
    .command('gate')
    .description(
      'checks an image in CI: compares its profile with that of the previous version under a policy. Needs files only, no agent. Exits with 2 if something needs a decision',
    )
    .argument('<image>', 'name of the image in the engine; with `--image-config`, any name')
    .option(
      '--profile <file>',
      'profile of the image: output of `snug record` or `snug profile export`',
    )
    .option(
      '--baseline <file>',
      'profile of the previous version. With `--key` or `--identity` it can be the image, HOST/REPOSITORY:TAG, that has the profile attached',
    )
  withTrustOptions(gate)
    .option('--plain-http', 'connects to the registry without TLS')
    .option(
      '--policy <file>',
      'policy as YAML, see profiles/gate.schema.json; default: profiles/gate.yaml',
    )
    .option('--policy-wasm <file>', 'additional Rego policy, compiled with `opa build -t wasm`')
    .option('--policy-entrypoint <name>', `rule of that policy; default: \`${defaultEntrypoint}\``)
    .option(
      '--policy-opa <url>',
      'additional Rego policy on an OPA server: http://HOST:8181/v1/data/snug/gate',
    )
    .option(
      '--rules <dir>',
      'directory of guardrails and generalisation rules; default: the built-in rules',
    )
    .option(
      '--image-config <file>',
      'output of `docker image inspect`, or an OCI config; default: ask the engine',
    )
    .option('--archive <file>', 'image archive of `docker save`; default: ask the engine')
    .option('--scan <file...>', 'scanner reports, combined with the observed use of packages')
    .option(...contrastOption)
    .option(...representativeOption)
    .option(
      '--write <format=file>',
      `also writes a report: ${reportFormats.join(', ')}; \`-\` writes to standard output instead of the table`,
      reportTo,
      [],
    )
    .addOption(grafeasProjectOption())
    .action(async (image: string, options: Options) => {
      const judged = await judge(context, image, options)
      const { result } = judged
      await writeReports(context, judged, options)
      if (!result.passed) context.exit = 2
    })
}

interface Judged {
  readonly result: GateResult
  readonly scan?: JoinedScan
  readonly nowMs: number
}

async function judge(context: CliContext, image: string, options: Options): Promise<Judged> {
  const nowMs = Date.now()
  const policy = loadGatePolicy(options.policy)
  const { guardrails, generalise } = loadRules(options.rules)
  const shaper = shaperOf({ generalise, guardrails })
  const reports = readReports(options.scan ?? [])
  const profile = options.profile === undefined ? undefined : readProfileFile(options.profile)
  const trials = trialsOf(options)
  if (profile === undefined && Object.keys(trials).length > 0) {
    throw new SnugError('USAGE', '`--contrast` and `--representative` need `--profile`')
  }
  // Without the information, a policy that would shut the gate by it fails with an error; otherwise a note is enough.
  const { root, base, age } = policy.image
  const must = root === 'approve' || base !== undefined || age !== undefined
  const input = await imageInput(context, image, options, { files: reports.length > 0, must })
  const scan =
    reports.length === 0 ? undefined : joined(context, image, reports, input, shaper, profile)
  const gate: GateInput = {
    image,
    policy,
    guardrails,
    shaper,
    nowMs,
    ...trials,
    ...(input.facts === undefined ? {} : { facts: input.facts }),
    ...(scan === undefined ? {} : { scan }),
    ...(profile === undefined ? {} : { profile }),
    ...(options.baseline === undefined
      ? {}
      : { baseline: await baselineOf(options.baseline, options) }),
  }
  const found = findAll(gate)
  const rego = await regoPolicy(options)
  const findings =
    rego === undefined
      ? found.findings
      : withRego(found.findings, parseRegoOutput(await rego(regoInput(gate, found))))
  const result = gateResult(gate, { ...found, findings })
  return { result, nowMs, ...(scan === undefined ? {} : { scan }) }
}

/** Errors: USAGE, and those of each. */
async function regoPolicy(options: Options): Promise<RegoPolicy | undefined> {
  const { policyWasm, policyOpa, policyEntrypoint } = options
  if (policyWasm !== undefined && policyOpa !== undefined) {
    throw new SnugError('USAGE', 'pass only one of `--policy-wasm` and `--policy-opa`')
  }
  if (policyOpa !== undefined) return serverPolicy(policyOpa)
  return policyWasm === undefined ? undefined : wasmPolicy(policyWasm, policyEntrypoint)
}

/** A file; or, with trusted signers, the attachment of the image of that name. */
async function baselineOf(named: string, options: Options): Promise<ProfileDocument> {
  if (!trustsSomebody(options) || existsSync(named)) return readProfileFile(named)
  return (await verifiedProfile(named, options)).verified.content
}

async function writeReports(
  context: CliContext,
  judged: Judged,
  { write: reports, grafeasProject: project }: Options,
): Promise<void> {
  const { result } = judged
  const toStdout = reports.find(({ file }) => file === '-')
  for (const { format, file } of reports) {
    const text = reportText(format, judged, project)
    if (file === '-') await writeTo(context.io.stdout, text)
    else writeOutputFile(file, text)
  }
  if (toStdout !== undefined) return
  await context.print(result, result.findings, () => gateText(result, context.io))
}

function reportText(format: ReportFormat, judged: Judged, project: string): string {
  const { result, nowMs } = judged
  switch (format) {
    case 'grafeas': {
      const { image } = result
      const time = new Date(nowMs).toISOString()
      const document = gateGrafeas({ ...judged, image, project, time })
      return `${safeJson(JSON.stringify(document, null, 2))}\n`
    }
    case 'sarif':
      return `${safeJson(JSON.stringify(gateSarif(result, packageVersion()), null, 2))}\n`
    case 'json':
      return `${safeJson(JSON.stringify(result, null, 2))}\n`
    case 'junit':
      return gateJunit(result)
    case 'markdown':
      return gateMarkdown(result)
  }
}

function reportTo(text: string, before: readonly ReportTo[]): readonly ReportTo[] {
  const at = text.indexOf('=')
  const format = reportFormats.find((each) => each === text.slice(0, at))
  const file = text.slice(at + 1)
  if (format === undefined || file === '') {
    throw new InvalidArgumentError(`It must be FORMAT=FILE, of ${reportFormats.join(', ')}.`)
  }
  return [...before, { format, file }]
}
