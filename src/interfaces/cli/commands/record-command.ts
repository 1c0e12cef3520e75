import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { once } from 'node:events'
import type { Command } from 'commander'
import { loadConfig } from '../../../support/config/load-config.ts'
import { SnugError } from '../../../errors.ts'
import type { RecordedVersion } from '../../../engine/api/engine.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { safeText } from '../output/terminal-text.ts'
import { imageText } from '../output/view-text.ts'

interface Options {
  readonly image?: string
  readonly out: string
  readonly config?: string
}

/** An agent that only watches, keeps nothing, and never thinks that it has seen enough. */
const watching = {
  data: 'none',
  listen: 'none',
  kernelState: 'none',
  sources: ['ebpf'],
  sinks: [] as string[],
  'learn.floor': '7d',
  'learn.ceiling': '30d',
  'log.level': 'warn',
}

export function recordCommand(program: Command, context: CliContext): void {
  program
    .command('record')
    .description(
      'runs the tests of an image under the sensor and writes the observed behaviours as a profile. Needs root, BTF and Docker. Exits with 1 if the sensor cannot run or the command fails',
    )
    .argument('<command...>', 'after `--`: a command that exercises the image, such as `make test`')
    .option('--image <image>', 'image to write; optional if the command runs only one image')
    .option('--out <file>', 'file for the profile', 'snug-profile.json')
    .option('--config <file>', 'config file; only `engines` and `sensor` apply')
    .action(async (command: readonly string[], options: Options) => {
      const { config: file } = options
      const loaded = loadConfig({
        env: context.io.env,
        flags: watching,
        ...(file === undefined ? {} : { file }),
      })
      const { recordWhile } = await import('../../../main.ts')
      const versions = await recordWhile(loaded, () => runCommand(command, context))
      const version = chosen(versions, options.image)
      writeOutputFile(options.out, version.text)
      report(context, version, options.out)
    })
}

/** Errors: COMMAND_FAILED, with how it ended */
async function runCommand([name = '', ...args]: readonly string[], { io }: CliContext) {
  const child = spawn(name, args, { stdio: 'inherit' })
  const stop = (): void => void child.kill('SIGTERM')
  io.ended.addEventListener('abort', stop, { once: true })
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    if (code === 0) return
    const how = signal === null ? `exit code ${code}` : `${signal} (${constants.signals[signal]})`
    throw new SnugError('COMMAND_FAILED', `\`${name}\` exited with ${how}: no profile was written`)
  } catch (cause) {
    if (cause instanceof SnugError) throw cause
    throw new SnugError('COMMAND_FAILED', `cannot run \`${name}\``, { cause })
  } finally {
    io.ended.removeEventListener('abort', stop)
  }
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
