import type { Command } from 'commander'
import type { PersonContainer, PersonView } from '../../api/person-views.ts'
import type { CliContext } from '../cli-context.ts'
import { severityColour } from '../output/alert-table.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'

type Span = Pick<PersonView, 'sessions' | 'alerts' | 'severity' | 'lastSeen'>

const spanColumns: readonly Column<Span>[] = [
  { head: 'SESSIONS', value: ({ sessions }) => sessions, right: true },
  { head: 'ALERTS', value: ({ alerts }) => alerts, right: true },
  {
    head: 'SEVERITY',
    value: ({ severity }) => severity,
    colour: ({ severity }) => severityColour[severity],
  },
  { head: 'LAST SEEN', value: ({ lastSeen }) => `${lastSeen.slice(0, 19)}Z` },
]

const personColumns: readonly Column<PersonView>[] = [
  { head: 'PERSON', value: ({ name }) => name },
  { head: 'CONTAINERS', value: ({ containers }) => containers.length, right: true },
  ...spanColumns,
]

const containerColumns: readonly Column<PersonContainer>[] = [
  { head: 'CONTAINER', value: ({ id, name }) => name ?? id.slice(0, 12) },
  { head: 'WORKLOAD', value: ({ place }) => place },
  ...spanColumns,
]

export function personCommand(program: Command, context: CliContext): void {
  program
    .command('person')
    .description(
      'shows who began sessions with alerts, and what one person did in which containers',
    )
    .argument('[name]', 'only this person')
    .action(async (name?: string) => {
      const query = name === undefined ? '' : `?name=${encodeURIComponent(name)}`
      const persons = await context.client.get<readonly PersonView[]>(`/v1/persons${query}`)
      await context.print(persons, persons, () =>
        name === undefined
          ? textTable(personColumns, persons, context.io)
          : persons.map((person) => personText(person, context.io)).join('\n'),
      )
    })
}

function personText(
  { name, as, from, containers, ...span }: PersonView,
  style: TableStyle,
): string {
  const fields = textFields([
    ['person', name],
    ['impersonated', as.join(', ') || '-'],
    ['from', from.join(', ') || '-'],
    ['alerts', `${span.alerts} in ${span.sessions} sessions, at most ${span.severity}`],
    ['seen', `${span.firstSeen} to ${span.lastSeen}`],
  ])
  return `${fields}\n${textTable(containerColumns, containers, style, ({ acts }) => acts.join(', '))}`
}
