import { type Command, InvalidArgumentError, Option } from 'commander'
import { alertTypes, severities } from '../../core/event/alert-words.ts'
import type { Alert, AlertCausePart } from '../../core/event/alert.ts'
import { hashedFileOf, hashText } from '../../core/event/file-hash.ts'
import { personNames, personTexts } from '../../core/person/session-person.ts'
import type { AlertStory } from '../../api/alert-rows.ts'
import { alertStates } from '../../api/terms.ts'
import type { CliContext } from '../cli-context.ts'
import { followLive } from '../follow-live.ts'
import { parseCount, parseUntil } from '../input/option-values.ts'
import { storyText } from '../output/alert-story.ts'
import { alertColumns, alertLineBelow, severityColour } from '../output/alert-table.ts'
import { renderItem } from '../output/output.ts'
import { paint } from '../output/terminal-text.ts'
import { textFields, textTable } from '../output/text-table.ts'
import { alertText, imageText } from '../output/view-text.ts'
import { safeText } from '../../support/safe-text.ts'

interface Filter {
  readonly image?: string
  readonly severity?: string
  readonly type?: string
  readonly state?: string
  readonly container?: string
  readonly person?: string
  readonly text?: string
  readonly limit?: number
}

interface Allow {
  readonly until?: string
  readonly only?: number
  readonly peer?: string
  readonly workload?: true
  readonly reason?: string
}

export function alertCommands(program: Command, context: CliContext): void {
  const alert = program.command('alert').description('shows alerts and records decisions on them')

  alert
    .command('list')
    .description('lists alerts, newest first')
    .option('--image <image>', 'only alerts of this image')
    .addOption(
      new Option('--severity <severity>', 'only alerts of this severity and above').choices(
        severities,
      ),
    )
    .addOption(new Option('--type <type>', 'only alerts of this type').choices(alertTypes))
    .addOption(
      new Option('--state <state>', 'only open or only decided alerts').choices(alertStates),
    )
    .option(
      '--container <id>',
      'only alerts of this container: its name, or the beginning of its id',
    )
    .option('--person <name>', 'only alerts of sessions that this person began')
    .option('--text <words>', 'only alerts that contain this text')
    .option('--limit <count>', 'maximum number of alerts', parseCount, 100)
    .action(async (filter: Filter) => {
      const query = new URLSearchParams()
      for (const [name, value] of Object.entries(filter)) query.set(name, String(value))
      const alerts = await context.client.get<readonly Alert[]>(`/v1/alerts?${query.toString()}`)
      await context.print(alerts, alerts, () =>
        textTable(alertColumns, alerts, context.io, alertLineBelow),
      )
    })

  alert
    .command('tail')
    .description('prints new alerts until Ctrl-C')
    .option('--image <image>', 'only alerts of this image')
    .action(async ({ image }: Filter) => {
      const format = context.format()
      await followLive(context, { topic: 'alerts', image }, (item) =>
        renderItem(format, item, () => alertLine(item as Alert, context.io.colour)),
      )
    })

  alert
    .command('show')
    .description(
      'shows one alert with its reasons, its ancestry, and the events before and after it',
    )
    .argument('<id>')
    .action(async (id: string) => {
      const alert = await context.client.get<Alert>(alertPath(id))
      const story = await context.client.get<AlertStory>(`${alertPath(id)}/story`)
      const { incident } = story
      const named = incident === undefined ? alert : { ...alert, incident: incident.id }
      await context.print(named, [named], () => alertFields(alert) + storyText(story, context.io))
    })

  alert
    .command('allow')
    .alias('approve')
    .description('allows the behaviour of the alert for its version')
    .argument('<id>')
    .option(
      '--until <time>',
      'end of the approval: RFC 3339, or a duration from now such as `7d`',
      parseUntil,
    )
    .option('--only <uid=N>', 'only for this user', parseOnly)
    .option(
      '--peer <cidr>',
      'for a connection: allows every address of this block, such as 10.0.0.0/8',
    )
    .option('--workload', 'only for the workload of the alert')
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (id: string, { until, only, peer, workload, reason }: Allow) => {
      const body = { until, onlyUid: only, peer, workload, reason }
      await printAlert(context, await context.client.send('POST', `${alertPath(id)}/allow`, body))
    })

  alert
    .command('reject')
    .description(
      'rejects the behaviour of the alert: it stays a deviation even if it is observed during learning',
    )
    .argument('<id>')
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (id: string, body: { reason?: string }) => {
      await printAlert(context, await context.client.send('POST', `${alertPath(id)}/reject`, body))
    })

  alert
    .command('undo')
    .description(
      'undoes the decision on the alert: the alert and its behaviour get their previous state',
    )
    .argument('<id>')
    .option('--reason <text>', 'reason, stored with the decision')
    .action(async (id: string, body: { reason?: string }) => {
      await printAlert(
        context,
        await context.client.send('POST', `${alertPath(id)}/withdraw`, body),
      )
    })

  alert
    .command('ack')
    .description('acknowledges the alert; its behaviour stays a deviation')
    .argument('<id>')
    .requiredOption('--reason <text>', 'why no further action is needed')
    .action(async (id: string, { reason }: { reason: string }) => {
      await printAlert(
        context,
        await context.client.send('POST', `${alertPath(id)}/ack`, { reason }),
      )
    })
}

function alertPath(id: string): string {
  return `/v1/alerts/${encodeURIComponent(id)}`
}

async function printAlert(context: CliContext, alert: Alert): Promise<void> {
  await context.print(alert, [alert], () => alertFields(alert))
}

function alertFields(alert: Alert): string {
  const { process, nearest, decision, container } = alert
  return textFields([
    ['alert', `${alert.id} at ${alert.time} on ${alert.node}`],
    ['severity', severityText(alert)],
    ['what', alertText(alert)],
    ...causeFields(alert),
    ['because', alert.reasons],
    ['nearest', nearest === null ? 'no similar behaviour is known' : nearest.text],
    ['image', imageText(alert.image)],
    ['container', container === undefined ? '-' : (container.name ?? container.id.slice(0, 12))],
    [
      'process',
      process === undefined
        ? '-'
        : `${process.exe} pid ${process.pid} uid ${process.uid}, ${process.origin}`,
    ],
    ...sessionFields(alert),
    ['ancestors', process?.ancestors?.join(' < ') ?? '-'],
    ['seen', `${alert.count} times, ${alert.firstSeen} to ${alert.lastSeen}`],
    ...hashFields(alert),
    ['guardrails', alert.guardrails.join(', ') || 'none'],
    ['attack', alert.attack.join(', ') || '-'],
    ['decision', decision === undefined ? 'open' : `${decision.kind} by ${decision.by}`],
  ])
}

/** Who began the sessions of the alert. */
function sessionFields({ sessions }: Alert): (readonly [string, string[]])[] {
  const persons = personTexts(sessions)
  return persons.length === 0 ? [] : [['session by', [...persons]]]
}

function severityText({ severity, novelty, type, action, mode }: Alert): string {
  const risk = novelty === true ? `${severity} (novelty)` : severity
  return `${risk}, ${type}, ${action}, mode ${mode}`
}

function partLine({ place, names }: AlertCausePart): string {
  return `${place} (${names} ${names === 1 ? 'name' : 'names'})`
}

function causeFields({
  cause,
  samples = [],
  loaded,
  replicas,
}: Alert): (readonly [string, string | string[]])[] {
  const { names = 0, proposed, parts } = cause ?? {}
  return [
    ...(names < 2 ? [] : [['such as', samples.map(({ text }) => text)] as const]),
    ...(proposed === undefined ? [] : [['proposed', proposed] as const]),
    ...(parts === undefined ? [] : [['places', parts.map(partLine)] as const]),
    ...(loaded === undefined ? [] : [['loaded', loaded.map(({ object }) => object)] as const]),
    ...(replicas === undefined
      ? []
      : [['replicas', `${replicas.shown} of ${replicas.running}`] as const]),
  ]
}

/** Of what was executed and the image did not ship. */
function hashFields({ event, files = [] }: Alert): (readonly [string, string | string[]])[] {
  const [first] = hashedFileOf(event)
  return [
    ...(first === undefined ? [] : [['sha256', hashText(first)] as const]),
    ...(files.length === 0
      ? []
      : [['files', files.map((file) => `${file.path}: ${hashText(file)}`)] as const]),
  ]
}

function alertLine(alert: Alert, colour: boolean): string {
  const severity = paint(
    alert.novelty === true ? 'novelty' : alert.severity,
    colour ? severityColour[alert.severity] : undefined,
  )
  const { container, image, sessions } = alert
  const persons = personNames(sessions)
  const by = persons.length === 0 ? '' : ` by ${persons.join(', ')}`
  const where = container?.name ?? container?.id.slice(0, 12) ?? '-'
  const text = `${imageText(image)} ${where}: ${alertText(alert)}${by}: ${alert.reasons[0] ?? ''}`
  const done = alert.action === 'alerted' ? '' : ` ${alert.action}`
  const times = alert.count > 1 ? ` (${alert.count} times)` : ''
  const novelty = alert.novelty === true ? ' novelty' : ''
  return `${alert.time.slice(0, 19)}Z ${severity}${novelty}${done} ${safeText(text)}${times}\n`
}

function parseOnly(text: string): number {
  const uid = Number(/^uid=(\d{1,10})$/.exec(text)?.[1] ?? Number.NaN)
  if (uid <= 4_294_967_295) return uid
  throw new InvalidArgumentError('It must be uid=N.')
}
