import type { DiffRow, ProfileDiff } from '../../api/profile-views.ts'
import type { VersionView } from '../../api/version-views.ts'
import { imagePath, query } from '../base/api.ts'
import { useResource } from '../base/resource.ts'
import { go, link } from '../base/route.ts'
import { count, plural, refOf, versionName } from '../base/text.ts'
import { Foreign } from '../parts/foreign.tsx'
import { Empty, Panel, ProblemNote, Waiting } from '../parts/notes.tsx'

/** Two versions side by side. `other`: digest of the older one; by default the one before. */
export function VersionDiff({
  versions,
  version,
  other,
}: {
  readonly versions: readonly VersionView[]
  readonly version: VersionView
  readonly other: string
}) {
  const others = versions.filter((each) => each !== version)
  const before =
    others.find(({ image }) => image.digest === other) ??
    others.find(({ image }) => image.digest === version.predecessor) ??
    others.at(-1)
  const path =
    before === undefined
      ? undefined
      : imagePath(refOf(before), `/diff${query({ to: refOf(version) })}`)
  const { value, problem } = useResource<ProfileDiff>(path, 10_000)
  if (before === undefined) {
    return (
      <Empty title="Only one version exists">
        <p>After the next version is deployed, this page compares their behaviours side by side.</p>
      </Empty>
    )
  }
  const name = ({ tags, image }: VersionView): string => versionName(tags, image.digest)
  return (
    <>
      <p class="filters">
        <label>
          compared with{' '}
          <select
            value={before.image.digest}
            onChange={({ currentTarget }) =>
              go(link('image', refOf(version), 'delta', currentTarget.value))
            }
          >
            {others.map((each) => (
              <option key={each.image.digest} value={each.image.digest}>
                {name(each)}
              </option>
            ))}
          </select>
        </label>
        {value === undefined ? null : (
          <span class="muted">
            {plural(value.unchanged, 'behaviour')} in both;{' '}
            {plural(value.derived.added.length + value.derived.removed.length, 'read')} that follow
            from the images' files
          </span>
        )}
        <a href={link('review')}>review the delta</a>
      </p>
      {problem === undefined ? null : <ProblemNote problem={problem} />}
      {value === undefined ? (
        <Waiting rows={6} />
      ) : (
        <div class="columns">
          <Side title={`Only in ${name(before)}`} rows={value.removed} sign="−" />
          <Side title={`Only in ${name(version)}`} rows={value.added} sign="+" />
        </div>
      )}
    </>
  )
}

/** By who does it, or by the program that is new: a version that replaced a program replaced all that it did. */
function Side({
  title,
  rows,
  sign,
}: {
  readonly title: string
  readonly rows: readonly DiffRow[]
  readonly sign: '+' | '−'
}) {
  const nameOf = ({ component, actor }: DiffRow): string => component ?? actor
  const names = [...new Set(rows.map(nameOf))]
  return (
    <Panel
      title={title}
      aside={<span class="muted">{count(rows.length)}</span>}
      class="side-of-diff"
    >
      {rows.length === 0 ? <Empty title="Nothing" /> : null}
      {names.map((name) => (
        <section key={name}>
          <h3>
            <Foreign text={name} />
            {rows.some(({ component }) => component === name) ? ', new in this version' : null}
          </h3>
          <ul class="diff-rows">
            {rows
              .filter((row) => nameOf(row) === name)
              .map(({ id, text, explained }) => (
                <li key={id}>
                  <span class={sign === '+' ? 'sign plus' : 'sign minus'} aria-hidden="true">
                    {sign}
                  </span>
                  <Foreign text={text} />
                  {explained === undefined ? null : (
                    <p class="explained">
                      <Foreign text={explained} words />
                    </p>
                  )}
                </li>
              ))}
          </ul>
        </section>
      ))}
    </Panel>
  )
}
