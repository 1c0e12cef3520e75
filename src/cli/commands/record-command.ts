import { type Command, Option } from 'commander'
import { loadConfig } from '../../support/config/load-config.ts'
import { SnugError } from '../../errors.ts'
import type { RecordedVersion } from '../../api/engine.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { imageText } from '../output/view-text.ts'
import { runCommand, watching } from '../watched-command.ts'
import { jobModes, type RecordOptions, recordJob } from './record-job.ts'
import { safeText } from '../../support/safe-text.ts'

/** Of these, each is for a job only. */
const ofJobs = ['as', 'mode', 'profile', 'update', 'sarif'] as const

export function recordCommand(program: Command, context: CliContext): void {
  program
    .command('record')
    .description(
      'runs the tests of an image, or a job of CI, under the sensor and writes the observed behaviours as a profile. Needs root and BTF, and Docker for an image. Exits with 1 if the sensor cannot run or the command fails, and with 2 if a job deviates from its profile',
    )
    .argument(
      '<command...>',
      'after `--`: a command that exercises the image, such as `make test`, or that is the job',
    )
    .option('--image <image>', 'image to write; optional if the command runs only one image')
    .option(
      '--out <file>',
      'file for the profile; default: snug-profile.json, or snug-job.json for a job',
    )
    .option('--config <file>', 'config file; only `engines` and `sensor` apply')
    .option(
      '--job [name]',
      'the command is a job of CI. Without a name, variables of GitHub Actions, GitLab CI or Jenkins name it',
    )
    .option('--as <name>', 'with `--job`: name of the job where no CI names it')
    .addOption(
      new Option(
        '--mode <mode>',
        'with `--job`: `learn` writes the profile, `audit` reports deviations from it, `block` also stops them; default: learn',
      ).choices(jobModes),
    )
    .option('--profile <file>', 'with `--job`: profile of earlier runs')
    .option('--update', 'with `--mode audit`: adds a run without deviations to the profile')
    .option('--sarif <file>', 'with `--job`: also writes the deviations as SARIF')
    .action(async (command: readonly string[], options: RecordOptions) => {
      if (options.job !== undefined) return recordJob(command, options, context)
      const lone = ofJobs.find((name) => options[name] !== undefined)
      if (lone !== undefined) throw new SnugError('USAGE', `\`--${lone}\` needs \`--job\``)
      const { config: file, out = 'snug-profile.json' } = options
      const loaded = loadConfig({
        env: context.io.env,
        flags: watching,
        ...(file === undefined ? {} : { file }),
      })
      const { recordWhile } = await import('../../main.ts')
      const { versions } = await recordWhile(loaded, () => runCommand(command, context.io))
      const version = chosen(versions, options.image)
      writeOutputFile(out, version.text)
      report(context, version, out)
    })
}

/** Errors: IMAGE_UNKNOWN, IMAGE_AMBIGUOUS */
function chosen(versions: readonly RecordedVersion[], image: string | undefined): RecordedVersion {
  const ran = versions.filter(({ runs }) => runs > 0)
  const found = image === undefined ? ran : ran.filter((version) => isNamed(version, image))
  const [one, ...others] = found
  if (one === undefined) {
    const what = image === undefined ? 'no container' : `no container of \`${image}\``
    throw new SnugError('IMAGE_UNKNOWN', `${what} ran while the command did`)
  }
  if (others.length > 0) {
    const names = found.map((version) => imageText(version.image)).join(', ')
    throw new SnugError(
      'IMAGE_AMBIGUOUS',
      `several images ran, name one with \`--image\`: ${names}`,
    )
  }
  return one
}

function isNamed({ image, tags, digests }: RecordedVersion, name: string): boolean {
  const { repository } = image
  return (
    name === repository ||
    tags.some((tag) => name === `${repository}:${tag}`) ||
    digests.some((digest) => name === digest || name === `${repository}@${digest}`)
  )
}

function report({ io }: CliContext, version: RecordedVersion, file: string): void {
  const { image, behaviours, runs, lost } = version
  const of = safeText(imageText(image))
  printLine(
    io,
    `snug: ${behaviours} behaviours of ${of} in ${runs} runs of containers: ${safeText(file)}`,
  )
  if (lost > 0)
    printLine(io, `snug: ${lost} events were lost, and the profile lists the loss: record it again`)
}
