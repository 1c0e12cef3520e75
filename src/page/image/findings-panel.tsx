import type { ScanView } from '../../api/version-views.ts'
import { packageUses, type PackageUse } from '../../supplychain/findings/package-use.ts'
import { count } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Panel } from '../parts/notes.tsx'

const titles: Readonly<Record<PackageUse, string>> = {
  'in-use': 'In use',
  loaded: 'Loaded',
  unknown: 'Not known',
  'not-seen': 'Not seen',
}

/** A scanner's findings, reduced to running code: the others are folded away. */
export function FindingsPanel({ scan }: { readonly scan: ScanView }) {
  const { at, by, coverage, counts, findings = [] } = scan
  return (
    <Panel title="Findings of scanners" class="findings">
      <p class="muted">
        Reported by <Foreign text={by} /> <Ago time={at} />, sorted by use observed until then:{' '}
        <Foreign text={coverage} words />
      </p>
      {packageUses.map((use) => {
        const shown = findings.filter((one) => one.use === use)
        const head = `${titles[use]}: ${count(counts[use])}`
        return counts[use] === 0 ? (
          <p key={use}>{head}</p>
        ) : (
          <details key={use} open={use === 'in-use'}>
            <summary>{head}</summary>
            <Findings title={titles[use]} findings={shown} />
            {shown.length === counts[use] ? null : (
              <p class="muted">{count(counts[use] - shown.length)} more are not stored here.</p>
            )}
          </details>
        )
      })}
    </Panel>
  )
}

function Findings({
  title,
  findings,
}: {
  readonly title: string
  readonly findings: NonNullable<ScanView['findings']>
}) {
  return (
    <table class="plain" aria-label={title}>
      <thead>
        <tr>
          <th scope="col">id</th>
          <th scope="col">severity</th>
          <th scope="col">package</th>
          <th scope="col">fixed in</th>
          <th scope="col">why</th>
        </tr>
      </thead>
      <tbody>
        {findings.map((one) => (
          <tr key={`${one.id} ${one.package} ${one.version}`}>
            <th scope="row">
              <Foreign text={one.id} />
            </th>
            <td>{one.severity}</td>
            <td>
              <Foreign text={`${one.package} ${one.version}`} />
            </td>
            <td>
              <Foreign text={one.fixed.join(', ')} />
            </td>
            <td>
              <Foreign text={one.why} words />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
