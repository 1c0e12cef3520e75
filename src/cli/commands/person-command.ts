import type { Command } from 'commander'
import type { PersonContainer, PersonEntrance, PersonView } from '../../api/person-views.ts'
import type { CliContext } from '../cli-context.ts'
import { severityColour } from '../output/alert-table.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'

type Span = Pick<PersonView, 'sessions' | 'alerts' | 'severity' | 'lastSeen'>

const spanColumns: readonly Column<Span>[] = [
  { head: 'SESSIONS', value: ({ sessions }) => sessions, right: true },
  { head: 'ALERTS', value: ({ alerts }) => alerts, right: true },
  {
    head: 'SEVERITY',
    value: ({ severity }) => severity ?? '-',
    colour: ({ severity }) => severity && severityColour[severity],
  },
  { head: 'LAST SEEN', value: ({ lastSeen }) => timeText(lastSeen) },
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

const entranceColumns: readonly Column<PersonEntrance>[] = [
  { head: 'ENTERED BY', value: ({ kind }) => kind },
  { head: 'POD', value: ({ place }) => place },
  { head: 'CONTAINER', value: ({ container }) => container ?? '-' },
  { head: 'BEGAN', value: ({ began }) => timeText(began) },
  { head: 'ENDED', value: ({ ended }) => (ended === undefined ? '-' : timeText(ended)) },
]

const timeText = (time: string): string => `${time.slice(0, 19)}Z`

export function personCommand(program: Command, context: CliContext): void {
  program
    .command('person')
    .description(
      'shows who began sessions with alerts or entered pods, and what one person did in which containers',
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
  { name, as, from, containers, entrances, ...span }: PersonView,
  style: TableStyle,
): string {
  const fields = textFields([
    ['person', name],
    ['impersonated', as.join(', ') || '-'],
    ['from', from.join(', ') || '-'],
    ['alerts', alertsText(span)],
    ['seen', `${span.firstSeen} to ${span.lastSeen}`],
  ])
  const tables = [
    ...(containers.length === 0
      ? []
      : [textTable(containerColumns, containers, style, ({ acts }) => acts.join(', '))]),
    ...(entrances.length === 0 ? [] : [textTable(entranceColumns, entrances, style)]),
  ]
  return [fields, ...tables].join('\n')
}

function alertsText({ alerts, sessions, severity }: Span): string {
  return severity === undefined ? 'none' : `${alerts} in ${sessions} sessions, at most ${severity}`
}
