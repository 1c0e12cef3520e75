import type { DoctorReport, StatusView } from '../../api/status-views.ts'
import { count, plural } from '../base/text.ts'
import { Ago } from '../parts/ago.tsx'
import { Panel, Waiting } from '../parts/notes.tsx'

/** Hooks in use, and the response to each kind of event on this host. */
export function HostSight({
  status,
  doctor,
}: {
  readonly status: StatusView | undefined
  readonly doctor: DoctorReport | undefined
}) {
  return (
    <Panel title="What Snug observes and blocks on this host">
      {status === undefined ? (
        <Waiting rows={3} />
      ) : (
        <>
          <ul class="sources">
            {status.sources.map(({ name, state, reason, received, lost, facts }) => (
              <li key={name}>
                <b>{name}</b> <span class={`badge source ${state}`}>{state}</span>{' '}
                <span class="muted">
                  {plural(received, 'message')}
                  {Object.entries(lost).map(([why, n]) => `, ${count(n)} lost: ${why}`)}
                </span>
                {reason === undefined ? null : <p class="bad-text">{reason}</p>}
                {facts['hooks'] === undefined ? null : <p class="muted">hooks: {facts['hooks']}</p>}
              </li>
            ))}
          </ul>
          <SelfProbe status={status} />
        </>
      )}
      {doctor === undefined || doctor.acts.length === 0 ? null : (
        <table class="plain">
          <thead>
            <tr>
              <th scope="col">act</th>
              <th scope="col">seen by</th>
              <th scope="col">stopped by</th>
            </tr>
          </thead>
          <tbody>
            {doctor.acts.map(({ act, seen, stopped }) => (
              <tr key={act}>
                <th scope="row">{act}</th>
                <td>{seen}</td>
                <td>{stopped}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

function SelfProbe({ status: { selfProbe } }: { readonly status: StatusView }) {
  if (selfProbe === undefined) return null
  const { ok, time, runs, failures } = selfProbe
  return (
    <p class={ok ? 'muted' : 'bad-text'}>
      {ok ? 'The self-test of blocking passed' : 'The self-test of blocking failed'}{' '}
      <Ago time={time} /> ({plural(runs, 'run')}, {plural(failures, 'failure')})
    </p>
  )
}
