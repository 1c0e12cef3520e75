import { type Command, Option } from 'commander'
import type { Config } from '../../support/config/config-schema.ts'
import { loadConfig } from '../../support/config/load-config.ts'
import { describeError, SnugError } from '../../errors.ts'
import type {
  CostReport,
  DoctorCheck,
  DoctorReport,
  StatusView,
  StopView,
} from '../../api/status-views.ts'
import { checkHost } from '../../support/telemetry/host-checks.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import { parseWait } from '../input/option-values.ts'
import { costText } from '../output/cost-text.ts'
import { nextStep } from '../output/next-step.ts'
import { type Column, type TableStyle, textTable } from '../output/text-table.ts'
import { safeText } from '../../support/safe-text.ts'

type Act = DoctorReport['acts'][number]

const actColumns: readonly Column<Act>[] = [
  { head: 'ACT', value: ({ act }) => act },
  { head: 'SEEN', value: ({ seen }) => seen, cut: true },
  { head: 'STOPPED', value: ({ stopped }) => stopped, cut: true },
]

const stopColumns: readonly Column<StopView>[] = [
  { head: 'CLASS', value: ({ act }) => act },
  { head: 'A DEVIATION BY', value: ({ text }) => text, cut: true },
  {
    head: 'IS, IN MODE BLOCK',
    value: ({ how }) => (how === 'alerted' ? 'alerted only' : how),
    colour: ({ how }) => (how === 'blocked' || how === 'killed' ? 'green' : 'yellow'),
  },
]

export function doctorCommand(program: Command, context: CliContext): void {
  program
    .command('doctor')
    .description(
      'prints what to do next, what Snug can observe and block on this host, and why a version is not learning',
    )
    .option('--cost', 'measures instead what Snug takes on this node, as an administrator')
    .addOption(
      new Option('--for <time>', 'how long to measure').argParser(parseWait).default(5_000, '5s'),
    )
    .action(async ({ cost, for: lastsMs }: { cost?: true; for: number }) => {
      if (cost === true) {
        await printNodeCost(lastsMs, context)
        return
      }
      const { report, status } = await reportOf(context)
      const data = { next: nextStep(report, status), ...report }
      await context.print(data, [data], () => doctorText(data, context.io))
    })
}

async function printNodeCost(lastsMs: number, context: CliContext): Promise<void> {
  const seconds = Math.max(1, Math.ceil(lastsMs / 1000))
  const report = await context.client.get<CostReport>(`/v1/cost?seconds=${seconds}`)
  await context.print(report, [report], () => costText(report, context.io))
}

interface Found {
  readonly report: DoctorReport
  /** Absent where no agent runs. */
  readonly status?: StatusView
}

/** Where no agent runs the host can still be looked at. */
async function reportOf(context: CliContext): Promise<Found> {
  try {
    const report = await context.client.get<DoctorReport>('/v1/doctor')
    return { report, status: await context.client.get<StatusView>('/v1/status') }
  } catch (error) {
    if (!(error instanceof SnugError) || error.code !== 'AGENT_UNREACHABLE') throw error
    printLine(context.io, `snug: ${safeText(error.message)}; checking the host without an agent`)
    const { config, check } = configCheck(context)
    const { checks, acts } = await checkHost({
      dockerSocket: config?.engines.docker.socket,
      podmanSockets: config?.engines.podman.sockets,
      units: config?.units,
    })
    return { report: { checks: [check, ...checks], acts, images: [], stops: [] } }
  }
}

/** A configuration that is wrong is a finding here, and no reason to look no further. */
function configCheck(context: CliContext): { config?: Config; check: DoctorCheck } {
  try {
    const { config, file } = loadConfig({ env: context.io.env })
    return { config, check: { name: 'config', ok: true, found: file ?? 'defaults and variables' } }
  } catch (error) {
    const check = { name: 'config', ok: false, found: describeError(error) }
    return { check: { ...check, advice: 'the agent cannot start with this configuration' } }
  }
}

function doctorText(
  { next, checks, acts, images, stops }: DoctorReport & { readonly next: string },
  style: TableStyle,
): string {
  const room = Math.max(0, ...checks.map(({ name }) => name.length))
  const checkLines = checks.flatMap(({ name, ok, found, advice }) => {
    const mark = ok ? 'ok  ' : 'LACK'
    const line = `${mark}  ${safeText(name).padEnd(room)}  ${safeText(found)}\n`
    return advice === undefined ? [line] : [line, `${' '.repeat(room + 8)}${safeText(advice)}\n`]
  })
  const imageLines = images.map(({ image, because }) => safeText(`${image}: ${because}`))
  return [
    `next: ${safeText(next)}\n`,
    checkLines.join(''),
    textTable(actColumns, acts, style),
    stops.length === 0 ? '' : textTable(stopColumns, stops, style),
    imageLines.length === 0 ? '' : `${imageLines.join('\n')}\n`,
  ]
    .filter((part) => part !== '')
    .join('\n')
}
