import type { Command } from 'commander'
import { SnugError } from '../../errors.ts'
import type { VersionView } from '../../api/version-views.ts'
import { imagePath } from '../../api/image-path.ts'
import type { CliContext } from '../cli-context.ts'
import { parseFor } from '../input/option-values.ts'
import { textFields } from '../output/text-table.ts'
import { blockingFields, imageText } from '../output/view-text.ts'

interface Options {
  readonly for?: string
  readonly reason?: string
  readonly end?: true
}

export function breakGlassCommand(program: Command, context: CliContext): void {
  program
    .command('break-glass')
    .description(
      'suspends blocking for a limited time, for every blocking version of the image; audited',
    )
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .option('--for <time>', 'duration, such as `15m`; at most `24h`', parseFor)
    .option('--reason <text>', 'reason, stored with the decision and included in an alert')
    .option('--end', 'resumes blocking now')
    .action(async (ref: string, options: Options) => {
      const versions = await send(context, ref, options)
      await context.print(versions, versions, () => versions.map(versionText).join('\n'))
    })
}

function send(
  context: CliContext,
  ref: string,
  { for: time, reason, end }: Options,
): Promise<readonly VersionView[]> {
  const { client } = context
  if (end === true) {
    if ((time ?? reason) !== undefined)
      throw new SnugError('USAGE', '`--end` cannot be combined with `--for` or `--reason`')
    return client.send('DELETE', `${imagePath(ref)}/break-glass`)
  }
  if (time === undefined || reason === undefined) {
    throw new SnugError('USAGE', 'pass `--for` and `--reason`, or `--end`')
  }
  return client.send('POST', `${imagePath(ref)}/break-glass`, { for: time, reason })
}

function versionText(version: VersionView): string {
  const { image, state, mode, because } = version
  return textFields([
    ['image', imageText(image)],
    ['state', `${state}, mode ${mode}: ${because}`],
    ...blockingFields(version),
  ])
}
