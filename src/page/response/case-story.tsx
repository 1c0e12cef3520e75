import type { CaseFileView, CaseView } from '../../api/case-views.ts'
import { ask } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { link } from '../base/route.ts'
import { bytesText, lineageOf, plural } from '../base/text.ts'
import { At } from '../parts/ago.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Answered, Panel } from '../parts/notes.tsx'
import { attempt, toast } from '../shell/toasts.tsx'

function casePath(id: string): string {
  return `/v1/cases/${encodeURIComponent(id)}`
}

/** The evidence of one case, without the contents of its files. */
export function CaseStory({ id }: { readonly id: string }) {
  const resource = useResource<CaseView>(casePath(id), 10_000)
  return (
    <Answered resource={resource} rows={6}>
      {(found) => <Evidence found={found} />}
    </Answered>
  )
}

function Evidence({ found }: { readonly found: CaseView }) {
  const { before, after, notes } = found
  return (
    <Panel
      title="Evidence"
      aside={
        <button type="button" onClick={() => void download(found.id)}>
          Download
        </button>
      }
    >
      <Facts found={found} />
      <h3>Processes</h3>
      <Processes found={found} />
      <h3>Files that it changed</h3>
      <Files found={found} />
      <p class="muted">
        {plural(before.length, 'event')} before the capture, {after.length} in the minute after it:
        in the file.
      </p>
      {notes.map((note) => (
        <p key={note} class="note">
          <Foreign text={note} words />
        </p>
      ))}
    </Panel>
  )
}

function Facts({ found }: { readonly found: CaseView }) {
  const { container, image, by, reason, time, alert, bytes, sha256, signedBy, profile } = found
  return (
    <dl class="facts">
      <dt>container</dt>
      <dd>
        <Foreign text={container.name ?? ''} /> <code>{container.id.slice(0, 12)}</code>
      </dd>
      {image === undefined ? null : (
        <>
          <dt>image</dt>
          <dd>
            <Foreign text={lineageOf(image)} />
            {profile === undefined ? '' : `: ${profile.state}, ${profile.mode}`}
          </dd>
        </>
      )}
      <dt>captured</dt>
      <dd>
        <At time={time} /> by <Foreign text={by} />: <Foreign text={reason} words />
      </dd>
      {alert === undefined ? null : (
        <>
          <dt>alert</dt>
          <dd>
            <a href={link('alerts', alert)}>{alert}</a>
          </dd>
        </>
      )}
      <dt>file</dt>
      <dd>
        {bytesText(bytes)}, SHA-256 <code>{sha256}</code>
      </dd>
      {signedBy === undefined ? null : (
        <>
          <dt>signed by</dt>
          <dd>
            key <code class="digest">{signedBy}</code>
          </dd>
        </>
      )}
    </dl>
  )
}

function Processes({ found: { processes } }: { readonly found: CaseView }) {
  if (processes.length === 0) return <p class="muted">None ran.</p>
  return (
    <div class="scroll-x" tabIndex={0} role="region" aria-label="processes">
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">pid</th>
            <th scope="col">parent</th>
            <th scope="col">uid</th>
            <th scope="col">program and arguments</th>
            <th scope="col">sockets</th>
          </tr>
        </thead>
        <tbody>
          {processes.map(({ pid, ppid, uid, exe, args, sockets }) => (
            <tr key={pid}>
              <td>{pid}</td>
              <td>{ppid}</td>
              <td>{uid}</td>
              <td>
                <Foreign text={exe} />
                <p class="command">
                  <Foreign text={args.join(' ')} />
                </p>
              </td>
              <td>
                {sockets.map(({ protocol, local, remote, state }) => (
                  <p key={`${protocol} ${local} ${remote}`}>
                    <Foreign text={`${protocol} ${local} to ${remote} (${state})`} />
                  </p>
                ))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Files({ found: { files } }: { readonly found: CaseView }) {
  if (files.length === 0) return <p class="muted">None.</p>
  return (
    <ul class="plain-list">
      {files.map(({ path, bytes, changed, sha256, omitted }) => (
        <li key={path}>
          <Foreign text={path} />{' '}
          <span class="muted">
            {bytesText(bytes)}, <At time={changed} />
          </span>
          {sha256 === undefined ? null : (
            <p>
              <code class="digest">{sha256}</code>
            </p>
          )}
          {omitted === undefined ? null : (
            <p class="muted">
              its content is not in the case: <Foreign text={omitted} words />
            </p>
          )}
        </li>
      ))}
    </ul>
  )
}

/** How long the bytes of a download stay for the browser to save them. */
const keptMs = 60_000

/** Saves the compressed file of the case. The agent has it on record. */
function download(id: string): Promise<boolean> {
  return attempt(async () => {
    const { name, content } = await ask<CaseFileView>(`${casePath(id)}/file`)
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0))
    const url = URL.createObjectURL(new Blob([bytes], { type: 'application/octet-stream' }))
    const anchor = document.createElement('a')
    anchor.href = url
    anchor.download = name
    anchor.click()
    // A busy browser reads it later.
    setTimeout(() => URL.revokeObjectURL(url), keptMs)
    toast(`${name} saved`)
  })
}
