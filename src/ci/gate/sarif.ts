import { formatVersions } from '../../core/event/format-versions.ts'
import { visible } from '../../agent/pipeline/delivery/format/line-text.ts'
import {
  type FindingLevel,
  type GateFinding,
  type GateResult,
  ruleTitles,
} from '../../supplychain/findings/finding.ts'

const levels: Readonly<Record<FindingLevel, string>> = {
  approve: 'error',
  warn: 'warning',
  note: 'note',
}

/** The location of a finding about no file of the image: the image as a whole. */
const wholeImage = 'image'

/** SARIF 2.1.0, for code scanning. Approved findings are included, and suppressed. */
export function gateSarif(result: GateResult, version: string): object {
  const used = [...new Set(result.findings.map(({ rule }) => rule))]
  return {
    $schema: `https://json.schemastore.org/sarif-${formatVersions.sarif}.json`,
    version: formatVersions.sarif,
    runs: [
      {
        tool: {
          driver: {
            name: 'Snug gate',
            version,
            rules: used.map((rule) => ({ id: rule, shortDescription: { text: ruleTitles[rule] } })),
          },
        },
        automationDetails: { id: `snug-gate/${encodeURIComponent(result.image)}` },
        results: result.findings.map((finding) => resultOf(finding, used.indexOf(finding.rule))),
      },
    ],
  }
}

function resultOf(finding: GateFinding, ruleIndex: number): object {
  const { id, rule, level, text, why, path, approved } = finding
  const words = why === undefined ? text : `${text} (${why})`
  return {
    ruleId: rule,
    ruleIndex,
    level: levels[level],
    message: { text: messageText(`${ruleTitles[rule]}: ${words}`) },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(path) } } }],
    partialFingerprints: { 'snugFinding/v1': visible(id) },
    ...(approved === undefined
      ? {}
      : {
          suppressions: [
            {
              kind: 'external',
              status: 'accepted',
              justification: `${approved.owner}, until ${approved.until}: ${approved.reason}`,
            },
          ],
        }),
  }
}

/** In SARIF brackets make links and braces are places for arguments: a name from an image must do neither. */
function messageText(text: string): string {
  return visible(text)
    .replace(/[\\[\]]/g, '\\$&')
    .replace(/[{}]/g, '$&$&')
}

/** Relative, as if the image's root were the project's. */
function uriOf(path: string | undefined): string {
  const plain = visible(path ?? wholeImage).replace(/^\/+/, '')
  return plain === '' ? wholeImage : plain.split('/').map(encodeURIComponent).join('/')
}
