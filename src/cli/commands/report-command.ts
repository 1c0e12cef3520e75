import type { Command } from 'commander'
import { SnugError } from '../../errors.ts'
import type { CliContext } from '../cli-context.ts'
import { parseMoment } from '../input/option-values.ts'
import { printAnswer } from '../output/output.ts'
import { htmlFormat } from '../program-options.ts'

interface Options {
  readonly framework: string
  readonly from: string
  readonly to?: string
}

export function reportCommand(program: Command, context: CliContext): void {
  program
    .command('report')
    .description('writes reports about what the agent has on record')
    .command('compliance')
    .description(
      'writes evidence and its gaps for controls of a framework, as a page in HTML by default. It does not assess: see docs/compliance.md',
    )
    .requiredOption('--framework <name>', 'name of the framework: a file of profiles/frameworks/')
    .option('--from <time>', 'begin of the period: RFC 3339, or a duration before now', '30d')
    .option('--to <time>', 'end of the period; default: now')
    .action(async ({ framework: name, from, to }: Options) => {
      // Here and not above, so that the other commands start without it.
      const { loadFramework } = await import('../report/framework.ts')
      const { reportFacts } = await import('../report/report-facts.ts')
      const { evidenceReport, kindsOf } = await import('../report/evidence-report.ts')
      const { reportHtml } = await import('../report/report-html.ts')
      const now = Date.now()
      const framework = loadFramework(name)
      const span = spanOf(from, to, now)
      const facts = await reportFacts(context.client, span, kindsOf(framework))
      const report = evidenceReport(name, framework, facts, span, now)
      const { output = htmlFormat } = context
      const format = output === htmlFormat ? 'table' : output
      await printAnswer(context.io, format, report, report.evidence, () => reportHtml(report))
    })
}

/** Errors: SPAN_INVALID */
function spanOf(begin: string, end: string | undefined, now: number) {
  const from = Date.parse(parseMoment(begin))
  const to = end === undefined ? now : Date.parse(parseMoment(end))
  if (from < to && to <= now) return { from, to }
  const why = to > now ? 'it ends in the future' : 'it ends before it begins'
  throw new SnugError('SPAN_INVALID', `no period \`${begin}\` to \`${end ?? 'now'}\`: ${why}`)
}
