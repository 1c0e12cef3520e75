import type { Command } from 'commander'
import { lineageName } from '../../core/event/image-key.ts'
import type { ImageProfile } from '../../fleet/kubernetes/fleet-objects.ts'
import type { CliContext } from '../../cli/cli-context.ts'
import { type Column, textTable } from '../../cli/output/text-table.ts'
import { shortDigest } from '../../cli/output/view-text.ts'
import { clusterAccess } from '../cluster-access.ts'
import { FleetClient } from '../fleet-client.ts'
import { profilesOf } from '../profile-choice.ts'

const columns: readonly Column<ImageProfile>[] = [
  { head: 'NAME', value: ({ metadata }) => metadata.name },
  { head: 'IMAGE', value: ({ spec: { image } }) => imageText(image), cut: true },
  { head: 'STATE', value: ({ status }) => status?.state ?? '-' },
  { head: 'MODE', value: modeText },
  { head: 'KNOWN', value: ({ status }) => status?.behaviours ?? 0, right: true },
  {
    head: 'REVIEW',
    value: ({ status }) => status?.pending ?? 0,
    right: true,
    colour: ({ status }) => ((status?.pending ?? 0) > 0 ? 'yellow' : undefined),
  },
  { head: 'NODES', value: ({ status }) => status?.nodes ?? 0, right: true },
]

/** Whether a decision waits for its conditions. */
function modeText({ spec, status }: ImageProfile): string {
  const mode = status?.mode ?? '-'
  const decided = spec.mode?.value ?? mode
  return decided === mode ? mode : `${mode} (${decided} decided)`
}

function imageText(image: ImageProfile['spec']['image']): string {
  return `${lineageName(image)}@${shortDigest(image.digest)}`
}

export function imagesCommand(program: Command, context: CliContext): void {
  program
    .command('images')
    .description('lists the profiles of the cluster with their state and mode')
    .action(async (_: object, command: Command) => {
      const access = clusterAccess(command)
      const client = new FleetClient(access, context.io)
      const profiles = profilesOf(await client.profiles(), access.namespace)
      await context.print(profiles, profiles, () => profileTable(profiles, context))
    })
}

export function profileTable(profiles: readonly ImageProfile[], { io }: CliContext): string {
  return profiles.length === 0 ? 'no profiles yet\n' : textTable(columns, profiles, io)
}
