import { type Command, InvalidArgumentError } from 'commander'
import { loadRules } from '../../support/config/load-rules.ts'
import { SnugError } from '../../errors.ts'
import { exportableOf } from '../../supplychain/export/allowed.ts'
import type { Allowance, AllowanceFinding } from '../../ci/netpol/allowances.ts'
import {
  type JudgedConnection,
  type NetworkDifference,
  networkDifference,
} from '../../ci/netpol/difference.ts'
import type { ConnectionVerdict } from '../../ci/netpol/judge-connection.ts'
import { parseInPlace } from '../../ci/netpol/parse-policies.ts'
import { Profile } from '../../core/profile/profile.ts'
import { shaperOf } from '../../core/match/guardrail.ts'
import type { CliContext } from '../cli-context.ts'
import { openInput } from '../input/event-input.ts'
import { profileInput } from '../input/profile-input.ts'
import type { Colour } from '../output/terminal-text.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'

interface Options {
  readonly against: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly profile?: string
  readonly rules?: string
}

const colours: Readonly<Record<ConnectionVerdict, Colour | undefined>> = {
  refused: 'red',
  unknown: 'yellow',
  allowed: undefined,
  open: undefined,
}

const connectionColumns: readonly Column<JudgedConnection>[] = [
  { head: 'VERDICT', value: ({ verdict }) => verdict, colour: ({ verdict }) => colours[verdict] },
  { head: 'DIRECTION', value: ({ direction }) => direction },
  { head: 'PEER', value: ({ peer }) => peer ?? 'anybody', cut: true },
  { head: 'PORT', value: ({ protocol, port }) => (port === 0 ? protocol : `${protocol} ${port}`) },
]

const findingWords: Readonly<Record<AllowanceFinding, string>> = {
  'never-seen': 'never seen',
  wider: 'wider than seen',
  unknown: 'unknown',
}

const allowanceColumns: readonly Column<Allowance>[] = [
  { head: 'ALLOWED', value: ({ finding }) => findingWords[finding] },
  { head: 'RULE', value: ({ policy, rule }) => `${policy} ${rule}`, cut: true },
  { head: 'PEERS', value: ({ peers }) => peers, cut: true },
  { head: 'PORTS', value: ({ ports }) => ports, cut: true },
]

/** Every policy of a large cluster is far less. */
const maxBytes = 64 * 1_048_576

export function networkPolicyCommands(program: Command, context: CliContext): void {
  program
    .command('network-policy')
    .description('compares NetworkPolicies with observed connections')
    .command('diff')
    .description(
      'shows which observed connections the policies would refuse, and which allowed ones were never observed. Exits with 2 if a policy would refuse one',
    )
    .argument('<image>', 'repository, repository:tag or repository@sha256:…')
    .requiredOption(
      '--against <file>',
      'output of `kubectl get networkpolicy,service,namespace -A -o yaml`, of which only the policies are required; `-` reads standard input',
    )
    .requiredOption('--namespace <namespace>', 'namespace of the pods that run the image')
    .requiredOption(
      '--labels <labels>',
      'all labels of these pods: `app=web,tier=front`',
      parseLabels,
    )
    .option('--profile <file>', 'profile of the image; default: ask the agent')
    .option('--rules <dir>', 'directory of generalisation rules; default: the built-in rules')
    .action(async (image: string, options: Options) => {
      const inPlace = parseInPlace(await readAll(options.against, context))
      const document = await profileInput(context, image, options.profile)
      const profile = Profile.load(document.behaviours, shaperOf(loadRules(options.rules)))
      const what = exportableOf(document.image, profile, document.observed)
      const { namespace, labels } = options
      const difference = networkDifference(what, inPlace, { namespace, labels })
      await context.print(difference, [difference], () => differenceText(difference, context.io))
      if (difference.connections.some(({ verdict }) => verdict === 'refused')) context.exit = 2
    })
}

/** Errors: SOURCE_UNREADABLE, NETWORK_POLICY_INVALID where it is too large */
async function readAll(file: string, { io }: CliContext): Promise<string> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of await openInput(file, io)) {
    const bytes = Buffer.from(part as Uint8Array)
    size += bytes.byteLength
    if (size > maxBytes) {
      throw new SnugError('NETWORK_POLICY_INVALID', `\`${file}\` is larger than 64 MiB`)
    }
    parts.push(bytes)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** Empty: pods without any. */
function parseLabels(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').filter((pair) => pair !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at <= 0) throw new InvalidArgumentError('It must be labels such as app=web,tier=front.')
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

function differenceText(difference: NetworkDifference, style: TableStyle): string {
  const { image, namespace, labels, selectedBy, connections, allowances, notes } = difference
  const names = (list: readonly string[]): string => (list.length === 0 ? 'none' : list.join(', '))
  const pods = Object.entries(labels).map(([key, value]) => `${key}=${value}`)
  const head = textFields([
    ['image', image],
    ['pods', `${namespace}: ${names(pods)}`],
    ['ingress by', names(selectedBy.ingress)],
    ['egress by', names(selectedBy.egress)],
    ...(notes.length === 0 ? [] : [['note', notes] as const]),
  ])
  const seen = connections.length === 0 ? '' : `\n${connectionsText(connections, style)}`
  const more =
    allowances.length === 0
      ? ''
      : `\n${textTable(allowanceColumns, allowances, style, (one) => seenText(one))}`
  return `${head}${seen}${more}`
}

/** Their reasons in full, which a table would cut. */
function connectionsText(connections: readonly JudgedConnection[], style: TableStyle): string {
  const reasons = connections.map((one) => {
    const port = one.port === 0 ? one.protocol : `${one.protocol} ${one.port}`
    return [`${one.peer ?? one.direction} ${port}`, one.because] as const
  })
  return `${textTable(connectionColumns, connections, style)}\n${textFields(reasons)}`
}

function seenText({ finding, seen }: Allowance): string {
  const what = seen.join(', ')
  switch (finding) {
    case 'never-seen':
      return 'never observed'
    case 'wider':
      return `seen: ${what}`
    case 'unknown':
      return `unknown whether these belong to it: ${what}`
  }
}
