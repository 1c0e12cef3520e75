import { type Command, Option } from 'commander'
import { loadRules } from '../../support/config/load-rules.ts'
import { SnugError } from '../../errors.ts'
import { shaperOf } from '../../core/match/guardrail.ts'
import type { JoinedFinding, JoinedScan } from '../../ci/scan/join.ts'
import { keptOf } from '../../ci/scan/keep.ts'
import { countsText, type PackageUse } from '../../supplychain/findings/package-use.ts'
import { hasDigest } from '../../supplychain/image/image-facts.ts'
import type { ScanReport } from '../../supplychain/findings/report.ts'
import { openVex } from '../../ci/scan/openvex.ts'
import { imagePath } from '../../api/image-path.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine, writeTo } from '../cli-io.ts'
import { type ImageInput, imageInput, type ImageOptions } from '../input/image-input.ts'
import { packageVersion } from '../../support/package-version.ts'
import { profileInput } from '../input/profile-input.ts'
import { joined, readReports } from '../input/scan-input.ts'
import { type Column, type TableStyle, textFields, textTable } from '../output/text-table.ts'
import { safeJson } from '../../support/safe-text.ts'

interface Options extends ImageOptions {
  readonly report: readonly string[]
  readonly profile?: string
  readonly rules?: string
  readonly format: 'findings' | 'openvex'
  readonly accept?: string
  readonly exact?: boolean
  readonly keep?: boolean
}

const useWords: Readonly<Record<PackageUse, string>> = {
  'in-use': 'IN USE',
  loaded: 'LOADED',
  unknown: 'unknown',
  'not-seen': 'not seen',
}

const columns: readonly Column<JoinedFinding>[] = [
  {
    head: 'USE',
    value: ({ use }) => useWords[use],
    colour: ({ use }) => (use === 'in-use' ? 'red' : use === 'loaded' ? 'yellow' : undefined),
  },
  { head: 'SEVERITY', value: ({ severity }) => severity },
  { head: 'ID', value: ({ id }) => id, cut: true },
  { head: 'PACKAGE', value: ({ package: name, version }) => `${name} ${version}`, cut: true },
  { head: 'FIXED IN', value: ({ fixed }) => fixed.join(', '), cut: true },
]

export function scanCommand(program: Command, context: CliContext): void {
  program
    .command('scan')
    .description(
      'sorts scanner findings by the observed use of each package: in use, loaded, not known, not seen',
    )
    .argument('<image>', 'name of the image in the engine')
    .requiredOption(
      '--report <file...>',
      'report of Trivy or Grype (JSON, SARIF), or an SBOM (CycloneDX, SPDX 2, JSON)',
    )
    .option('--profile <file>', 'profile of the image; default: ask the agent')
    .option('--archive <file>', 'image archive of `docker save`; default: ask the engine')
    .option('--rules <dir>', 'directory of generalisation rules; default: the built-in rules')
    .addOption(
      new Option(
        '--format <format>',
        '`openvex` prints proposed statements for other tools, and nothing where there are no findings',
      )
        .choices(['findings', 'openvex'])
        .default('findings'),
    )
    .option(
      '--accept <author>',
      'with `openvex`: author who states that packages without observed use are not affected; without an author, nothing is suppressed',
    )
    .option(
      '--exact',
      'for a name with a digest: fails unless archive and reports are of that image. `openvex` is then about it, and not about the image of the profile',
    )
    .option('--keep', 'stores the findings in the agent, for `snug image show` and the page')
    .action(async (image: string, options: Options) => {
      const reports = readReports(options.report)
      const profile = await profileInput(context, image, options.profile)
      const input = await imageInput(context, image, options, { files: true, must: false })
      const exact = options.exact === true ? exactImage(image, input, reports) : undefined
      const shaper = shaperOf(loadRules(options.rules))
      const scan = joined(context, image, reports, input, shaper, profile)
      if (options.keep === true) {
        await context.client.send('PUT', imagePath(image, '/scan'), keptOf(scan))
      }
      if (options.format === 'findings') {
        await context.print(scan, scan.findings, () => scanText(scan, context.io))
      } else if (scan.findings.length === 0) {
        // OpenVEX has no document without a statement.
        printLine(context.io, 'snug: the reports have no findings, so there is no OpenVEX document')
      } else {
        const vex = openVex(scan, {
          image: exact ?? profile.image,
          observed: profile.image,
          time: documentTime(context.io.env),
          version: packageVersion(),
          ...(options.accept === undefined ? {} : { acceptedBy: options.accept }),
        })
        await writeTo(context.io.stdout, `${safeJson(JSON.stringify(vex, null, 2))}\n`)
      }
      if (scan.rejected > 0) {
        throw new SnugError(
          'REPORT_INVALID',
          `${scan.rejected} items of the reports could not be read`,
        )
      }
    })
}

/** Errors: USAGE, IMAGE_INVALID, REPORT_INVALID where something is not of the image with the digest of that name. */
function exactImage(
  name: string,
  { facts }: ImageInput,
  reports: readonly ScanReport[],
): { readonly repository: string; readonly digest: string } {
  const [repository = '', digest] = name.split('@')
  if (digest === undefined) throw new SnugError('USAGE', '`--exact` needs a name with a digest')
  if (facts === undefined || !hasDigest(facts, digest)) {
    const found = [facts?.imageId ?? 'not known', ...(facts?.names ?? [])].join(', ')
    throw new SnugError('IMAGE_INVALID', `the image is ${found}, and not ${digest}`)
  }
  for (const { imageId } of reports) {
    if (imageId !== undefined && hasDigest(facts, imageId)) continue
    const other = imageId === undefined ? 'does not name its image' : `is of ${imageId}`
    throw new SnugError('REPORT_INVALID', `a report ${other}, and the image is ${facts.imageId}`)
  }
  return { repository, digest }
}

/** RFC 3339; that of a reproducible build where its variable is set: https://reproducible-builds.org/specs/source-date-epoch/ */
function documentTime({ SOURCE_DATE_EPOCH: seconds = '' }: CliContext['io']['env']): string {
  const ms = /^\d{1,11}$/.test(seconds) ? Number(seconds) * 1_000 : Date.now()
  return new Date(ms).toISOString()
}

function scanText(scan: JoinedScan, style: TableStyle): string {
  const { image, coverage, counts, findings } = scan
  const head = textFields([
    ['image', image],
    ['findings', countsText(counts)],
    ['coverage', coverage],
  ])
  if (findings.length === 0) return head
  const table = textTable(columns, findings, style, ({ why }) => why)
  return `${head}\n${table}`
}
