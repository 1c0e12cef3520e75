import { Readable } from 'node:stream'
import { type Command, Option } from 'commander'
import { loadRules } from '../../support/config/load-rules.ts'
import { mergeDocuments } from '../../supplychain/export/merge-documents.ts'
import { documentText, parseProfileDocument } from '../../supplychain/export/profile-document.ts'
import { shaperOf } from '../../core/match/guardrail.ts'
import { readProfileFile } from '../input/json-file.ts'
import { writeOutputFile } from '../input/output-file.ts'
import { type ExportFormat, exportFormats } from '../../supplychain/export/export-profile.ts'
import type { ProfileExport } from '../../api/profile-views.ts'
import type { VersionView } from '../../api/version-views.ts'
import { imagePath } from '../../api/image-path.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine, writeTo } from '../cli-io.ts'
import { importInput, type ShippedOptions } from '../input/shipped-profile.ts'
import { textFields } from '../output/text-table.ts'
import { imageText } from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

interface MergeOptions {
  readonly out?: string
  readonly rules?: string
}

/** Adds to `snug profile`. */
export function transferCommands(program: Command, context: CliContext): void {
  const profile = program.commands.find((each) => each.name() === 'profile') ?? program

  profile
    .command('export')
    .description(
      'writes the profile in the format of another tool to standard output, and notes what the format cannot express to standard error',
    )
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .addOption(
      new Option(
        '--format <format>',
        'output format; `snug` is the whole profile with its evidence',
      )
        .choices(exportFormats)
        .default('snug'),
    )
    .action(async (ref: string, { format }: { format: ExportFormat }) => {
      const path = imagePath(ref, `/export?format=${format}`)
      const { text, notes } = await context.client.get<ProfileExport>(path)
      await writeTo(context.io.stdout, text)
      for (const note of notes) printLine(context.io, `snug: ${safeText(note)}`)
    })

  profile
    .command('merge')
    .description('merges recorded or exported profiles of one image, such as runs, shards or nodes')
    .argument('<file...>', 'output of `snug record` or `snug profile export`')
    .option('--out <file>', 'output file; default: standard output')
    .option('--rules <dir>', 'directory of generalisation rules; default: the built-in rules')
    .action(async (files: readonly string[], { out, rules }: MergeOptions) => {
      const shaper = shaperOf(loadRules(rules))
      const merged = files
        .map(readProfileFile)
        .reduce((sum, one) => mergeDocuments(sum, one, shaper))
      const text = documentText(merged)
      if (out === undefined) await writeTo(context.io.stdout, text)
      else writeOutputFile(out, text)
    })

  profile
    .command('import')
    .description(
      'merges an exported profile into the version of its image, which then waits for review. A profile that a vendor ships becomes its prior: expected from the first event, while the version learns',
    )
    .argument(
      '<file>',
      'output of `snug profile export`, or a ContainerProfile or ApplicationProfile of Kubescape (a Software Bill of Behavior); `-` reads standard input',
    )
    .option(
      '--image <image>',
      'image of a shipped profile. REPOSITORY@sha256:… with the whole digest needs no agent; default: the one that it names',
    )
    .option('--container <name>', 'container of an ApplicationProfile, if it has several')
    .option(
      '--user <uid...>',
      'users that the programs of a shipped profile run as, which it does not have; default: `declared` and 0',
    )
    .option(
      '--out <file>',
      'writes the profile in the format `snug` to this file, and imports nothing',
    )
    .action(async (file: string, { out, ...options }: ShippedOptions & { out?: string }) => {
      const { text, value, shipped } = await importInput(context, file, options)
      for (const note of shipped?.notes ?? []) printLine(context.io, `snug: ${safeText(note)}`)
      if (out !== undefined) {
        writeOutputFile(out, documentText(parseProfileDocument(value)))
        return
      }
      const version = await context.client.upload<VersionView>(
        '/v1/profiles',
        Readable.from([Buffer.from(text)]),
        context.io.signal,
      )
      await context.print(version, [version], () =>
        textFields([
          ['image', imageText(version.image)],
          ['state', `${version.state}, mode ${version.mode}: ${version.because}`],
          ['behaviours', String(version.behaviours)],
        ]),
      )
    })
}
