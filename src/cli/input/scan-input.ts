import type { ProfileDocument } from '../../supplychain/export/profile-document.ts'
import { SnugError } from '../../errors.ts'
import { InstalledPackages } from '../../supplychain/image/image-packages.ts'
import type { Shaper } from '../../core/behaviour/shape.ts'
import { type JoinedScan, joinScan } from '../../ci/scan/join.ts'
import { parseReport } from '../../ci/scan/parse-report.ts'
import type { ScanReport } from '../../supplychain/findings/report.ts'
import type { CliContext } from '../cli-context.ts'
import { printLine } from '../cli-io.ts'
import type { ImageInput } from './image-input.ts'
import { readJsonFile } from './json-file.ts'
import { safeText } from '../../support/safe-text.ts'

/** Errors: SOURCE_UNREADABLE, REPORT_INVALID. */
export function readReports(files: readonly string[]): readonly ScanReport[] {
  return files.map((file) => {
    try {
      return parseReport(readJsonFile(file, 'REPORT_INVALID'))
    } catch (cause) {
      if (!(cause instanceof SnugError) || cause.message.includes(file)) throw cause
      throw new SnugError(cause.code, `\`${file}\``, { cause })
    }
  })
}

/** Reports, joined with the image's files and what the profile saw of them. */
export function joined(
  context: CliContext,
  image: string,
  reports: readonly ScanReport[],
  { facts, tree }: ImageInput,
  shaper: Shaper,
  profile?: ProfileDocument,
): JoinedScan {
  for (const { imageId } of reports) {
    if (imageId === undefined || facts?.imageId === undefined || imageId === facts.imageId) continue
    printLine(
      context.io,
      `snug: a report is of ${safeText(imageId)}, this image is ${facts.imageId}`,
    )
  }
  return joinScan({
    image,
    reports,
    shaper,
    ...(profile === undefined ? {} : { profile }),
    ...(tree === undefined ? {} : { contents: { tree, packages: new InstalledPackages(tree) } }),
  })
}
