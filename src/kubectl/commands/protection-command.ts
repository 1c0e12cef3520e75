import type { Command } from 'commander'
import type { CliContext } from '../../cli/cli-context.ts'
import type { Colour } from '../../cli/output/terminal-text.ts'
import { type Column, type TableStyle, textTable } from '../../cli/output/text-table.ts'
import { clusterAccess } from '../cluster-access.ts'
import { FleetClient } from '../fleet-client.ts'
import {
  agentsByNode,
  type ProtectedContainer,
  type Protection,
  protectionOf,
  protections,
} from '../protection.ts'

const colours: Readonly<Record<Protection, Colour | undefined>> = {
  blocked: 'green',
  alerted: undefined,
  learned: 'yellow',
  none: 'red',
}

const columns: readonly Column<ProtectedContainer>[] = [
  { head: 'POD', value: ({ pod }) => pod, cut: true },
  { head: 'CONTAINER', value: ({ container }) => container },
  {
    head: 'A DEVIATION IS',
    value: ({ protection }) => (protection === 'none' ? 'not observed' : protection),
    colour: ({ protection }) => colours[protection],
  },
  { head: 'NODE', value: ({ node }) => node, cut: true },
]

export interface NamespaceProtection {
  readonly namespace: string
  readonly counts: Readonly<Record<Protection, number>>
  readonly containers: readonly ProtectedContainer[]
}

export function protectionCommand(program: Command, context: CliContext): void {
  program
    .command('show')
    .description('shows how the cluster is protected')
    .command('protection')
    .description(
      'shows for each container of a namespace what a deviation gets, and why. Exits with 1 if one is not observed',
    )
    .argument('<namespace>')
    .action(async (namespace: string, _: object, command: Command) => {
      const client = new FleetClient(clusterAccess(command), context.io)
      const [pods, profiles, agents] = [
        await client.pods(namespace),
        await client.profiles(),
        agentsByNode(await client.agents()),
      ]
      const runtimes = await client.runtimes(pods)
      const containers = pods.flatMap((pod) => protectionOf(pod, profiles, agents, runtimes))
      const view = { namespace, counts: countsOf(containers), containers }
      await context.print(view, containers, () => protectionText(view, context.io))
      if (view.counts.none > 0) context.exit = 1
    })
}

export function countsOf(
  containers: readonly ProtectedContainer[],
): Readonly<Record<Protection, number>> {
  const counts = { blocked: 0, alerted: 0, learned: 0, none: 0 }
  for (const { protection } of containers) counts[protection] += 1
  return counts
}

function protectionText(
  { namespace, counts, containers }: NamespaceProtection,
  style: TableStyle,
): string {
  if (containers.length === 0) return `no container runs in ${namespace}\n`
  const parts = protections
    .filter((each) => counts[each] > 0)
    .map((each) => `${counts[each]} ${each === 'none' ? 'not observed' : each}`)
  const table = textTable(
    columns,
    containers,
    style,
    ({ image, because }) => `${image}: ${because}`,
  )
  return `${containers.length} containers: ${parts.join(', ')}\n${table}`
}
