import type { EvidenceView, VersionView } from '../../api/version-views.ts'
import { count, percent, plural, span } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Panel } from '../parts/notes.tsx'
import { NoveltyCurve } from './novelty-curve.tsx'

/** Coverage, and its limits. */
export function CoveragePanel({ version }: { readonly version: VersionView }) {
  const { coverage, evidence, behaviours, containers, losses } = version
  return (
    <div class="columns wide-left">
      <Panel title="Coverage">
        <p class="sentence">
          <Foreign text={coverage.sentence} words />
        </p>
        {evidence === undefined ? null : (
          <>
            <NoveltyCurve novelty={evidence.novelty} />
            <p class="muted">
              {plural(behaviours, 'behaviour')} ·{' '}
              {evidence.novelty.lastNew === undefined ? (
                'no new behaviour yet'
              ) : (
                <>
                  last new <Ago time={evidence.novelty.lastNew} />
                </>
              )}{' '}
              · {plural(containers.seen, 'container')} seen, {count(containers.running)} running ·
              observed for {span(evidence.observedMs)}
            </p>
          </>
        )}
        {losses.length === 0 ? null : (
          <p class="bad-text">
            Its evidence has holes:{' '}
            {losses
              .slice(-3)
              .map((loss) => `${loss.reason} (${plural(loss.count, 'event')})`)
              .join(', ')}
          </p>
        )}
      </Panel>
      <Panel title="By kind of event">
        {evidence === undefined ? null : <Kinds evidence={evidence} />}
        {evidence === undefined || evidence.notYetSeen.length === 0 ? null : (
          <>
            <h3>Not yet seen</h3>
            <ul>
              {evidence.notYetSeen.map((line) => (
                <li key={line}>
                  <Foreign text={line} words />
                </li>
              ))}
            </ul>
          </>
        )}
      </Panel>
    </div>
  )
}

function Kinds({ evidence }: { readonly evidence: EvidenceView }) {
  return (
    <table class="plain">
      <thead>
        <tr>
          <th scope="col">kind</th>
          <th scope="col" class="number">
            behaviours
          </th>
          <th scope="col" class="number">
            <abbr title="seen in one container only">seen once</abbr>
          </th>
          <th scope="col" class="number">
            <abbr title="95 % upper bound of the chance that the next container does something new of this kind">
              next container
            </abbr>
          </th>
        </tr>
      </thead>
      <tbody>
        {evidence.kinds.map(({ kind, behaviours, singletons, nextContainer }) => (
          <tr key={kind}>
            <th scope="row">{kind}</th>
            <td class="number">{count(behaviours)}</td>
            <td class="number">{count(singletons)}</td>
            <td class="number">≤ {percent(nextContainer)}</td>
          </tr>
        ))}
        {evidence.phases.map(({ phase, seen, singletons, bound }) => (
          <tr key={phase}>
            <th scope="row">{phase}</th>
            <td class="number">{count(seen)} ×</td>
            <td class="number">{count(singletons)}</td>
            <td class="number">≤ {percent(bound)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
