import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { loadGatePolicy, loadRules } from '../../config/load-rules.ts'
import { describeError, SnugError } from '../../errors.ts'
import type { GateResult } from '../../gate/finding.ts'
import { judgeGate } from '../../gate/gate.ts'
import { gateJunit } from '../../gate/junit.ts'
import { gateMarkdown } from '../../gate/markdown.ts'
import type { ImagePolicy } from '../../gate/policy.ts'
import { gateSarif } from '../../gate/sarif.ts'
import { engineImageFacts } from '../../image/engine-image.ts'
import { type ImageFacts, imageFactsOf } from '../../image/image-facts.ts'
import { Shaper } from '../../profile/shape.ts'
import type { CliContext } from '../cli-context.ts'
import { say, writeTo } from '../cli-io.ts'
import { gateText } from '../gate-text.ts'
import { readJsonFile, readProfileFile } from '../json-file.ts'
import { packageVersion } from '../package-version.ts'
import { safeJson, safeText } from '../terminal-text.ts'

const reportFormats = ['sarif', 'junit', 'markdown', 'json'] as const
type ReportFormat = (typeof reportFormats)[number]

interface ReportTo {
  readonly format: ReportFormat
  readonly file: string
}

interface Options {
  readonly profile?: string
  readonly baseline?: string
  readonly policy?: string
  readonly rules?: string
  readonly imageConfig?: string
  readonly write: readonly ReportTo[]
}

export function gateCommand(program: Command, context: CliContext): void {
  program
    .command('gate')
    .description(
      'for CI: whether an image may go on, by its profile, its predecessor’s and a policy; works on files, with no agent; exit 2 where something needs a decision',
    )
    .argument(
      '<image>',
      'as the engine knows it; a name to tell it by where `--image-config` is given',
    )
    .option(
      '--profile <file>',
      'what the image was seen doing: `snug record`, `snug profile export`',
    )
    .option('--baseline <file>', 'the profile of the version before, to compare with')
    .option('--policy <file>', 'YAML, see profiles/gate.schema.json; otherwise profiles/gate.yaml')
    .option('--rules <dir>', 'guardrails and generalisation rules; otherwise those that ship')
    .option(
      '--image-config <file>',
      'what `docker image inspect` printed, or an OCI config; otherwise the engine is asked',
    )
    .option(
      '--write <format=file>',
      `writes a report too: ${reportFormats.join(', ')}; \`-\` is standard output, in place of the table`,
      reportTo,
      [],
    )
    .action(async (image: string, options: Options) => {
      const result = await judge(context, image, options)
      await writeReports(context, result, options.write)
      if (!result.passed) context.exit = 2
    })
}

async function judge(context: CliContext, image: string, options: Options): Promise<GateResult> {
  const policy = loadGatePolicy(options.policy)
  const { guardrails, generalise } = loadRules(options.rules)
  const facts = await factsOf(context, image, options.imageConfig, policy.image)
  return judgeGate({
    image,
    policy,
    guardrails,
    shaper: new Shaper(generalise),
    nowMs: Date.now(),
    ...(facts === undefined ? {} : { facts }),
    ...(options.profile === undefined ? {} : { profile: readProfileFile(options.profile) }),
    ...(options.baseline === undefined ? {} : { baseline: readProfileFile(options.baseline) }),
  })
}

/** Where nobody can tell and the policy would shut the gate by it, that is an error; else it is said. */
async function factsOf(
  { io }: CliContext,
  image: string,
  file: string | undefined,
  { root, base, age }: ImagePolicy,
): Promise<ImageFacts | undefined> {
  if (file !== undefined) return imageFactsOf(readJsonFile(file, 'IMAGE_INVALID'))
  const { config } = loadConfig({ env: io.env })
  try {
    return await engineImageFacts(config.engines.docker.socket, image)
  } catch (error) {
    if (!(error instanceof SnugError)) throw error
    if (root === 'approve' || base !== undefined || age !== undefined) throw error
    say(io, `snug: the image itself was not looked at: ${safeText(describeError(error))}`)
    return undefined
  }
}

async function writeReports(
  context: CliContext,
  result: GateResult,
  reports: readonly ReportTo[],
): Promise<void> {
  const toStdout = reports.find(({ file }) => file === '-')
  for (const { format, file } of reports) {
    const text = reportText(format, result)
    if (file === '-') await writeTo(context.io.stdout, text)
    else writeReport(file, text)
  }
  if (toStdout !== undefined) return
  await context.print(result, result.findings, () => gateText(result, context.io))
}

function reportText(format: ReportFormat, result: GateResult): string {
  switch (format) {
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

function writeReport(file: string, text: string): void {
  try {
    writeFileSync(file, text)
  } catch (cause) {
    throw new SnugError('REPORT_UNWRITABLE', `cannot write \`${file}\``, { cause })
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
