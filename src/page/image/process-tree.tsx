import type { ActGroup, ProgramView } from '../../api/page-views.ts'
import type { ActGroupName } from '../../api/terms.ts'
import { link } from '../base/route.ts'
import { count, plural } from '../base/text.ts'
import { BehaviourBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import type { Branch } from './process-forest.ts'

const groupNames: Readonly<Record<ActGroupName, string>> = {
  read: 'reads',
  write: 'writes',
  connect: 'talks to',
  listen: 'listens on',
  other: 'else',
}

/** Which program starts which, and what each does. */
export function ProcessTree({
  branches,
  version,
}: {
  readonly branches: readonly Branch[]
  readonly version: string
}) {
  return (
    <ul class="process-tree">
      {branches.map((branch) => (
        <li key={`${branch.index} ${branch.run?.id ?? ''}`}>
          <Program branch={branch} version={version} />
          {branch.branches.length === 0 ? null : (
            <ProcessTree branches={branch.branches} version={version} />
          )}
        </li>
      ))}
    </ul>
  )
}

function Program({ branch, version }: { readonly branch: Branch; readonly version: string }) {
  const { program, run, again } = branch
  const { exe, script, users, acts, open } = program
  const isRuntime = exe === '(runtime)'
  return (
    <div class={open > 0 ? 'program open' : 'program'}>
      <div class="program-head">
        <code class="program-name">
          {isRuntime ? 'container runtime' : <Foreign text={script ?? exe} />}
        </code>
        {script === undefined ? null : (
          <span class="muted">
            by <Foreign text={exe} />
          </span>
        )}
        {isRuntime || users.length === 0 ? null : <span class="muted">{users.join(', ')}</span>}
        {run?.drift === true ? <span class="badge stopped">not from the image</span> : null}
        {run === undefined || run.state === 'learned' ? null : <BehaviourBadge state={run.state} />}
        {again ? <span class="muted">shown above</span> : null}
        {!again && open > 0 ? (
          <span class="badge behaviour pending">{count(open)} wait</span>
        ) : null}
      </div>
      {again ? null : (
        <dl class="acts">
          {acts.map((group) => (
            <ActLines key={group.group} group={group} program={program} version={version} />
          ))}
        </dl>
      )}
    </div>
  )
}

function ActLines({
  group: { group, total, shown },
  program: { exe, script },
  version,
}: {
  readonly group: ActGroup
  readonly program: ProgramView
  readonly version: string
}) {
  return (
    <div class={`act-group ${group}`}>
      <dt>{groupNames[group]}</dt>
      <dd>
        {shown.map(({ id, text, state }) => (
          <span key={id} class={`act ${state}`}>
            <Foreign text={text} />
          </span>
        ))}
        {total > shown.length ? (
          <a class="more" href={link('image', version, 'list', script ?? exe)}>
            and {plural(total - shown.length, 'more', 'more')}
          </a>
        ) : null}
      </dd>
    </div>
  )
}
