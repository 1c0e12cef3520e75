import type { LifeView } from '../../api/page-views.ts'
import type { LineageView, VersionView } from '../../api/version-views.ts'
import { imagePath } from '../base/api.ts'
import { useKeys } from '../base/keys.ts'
import { useResource } from '../base/resource.ts'
import { go, link } from '../base/route.ts'
import { refOf, splitRef, versionName } from '../base/text.ts'
import { StageBadge } from '../parts/badges.tsx'
import { Foreign } from '../parts/foreign.tsx'
import { Panel, ProblemNote, Waiting } from '../parts/notes.tsx'
import { BehaviourList } from './behaviour-list.tsx'
import { BehaviourPicture } from './behaviour-picture.tsx'
import { CoveragePanel } from './coverage-panel.tsx'
import { FindingsPanel } from './findings-panel.tsx'
import { RootPanel } from './root-panel.tsx'
import { LifeLines } from './life-lines.tsx'
import { VersionActions } from './version-actions.tsx'
import { VersionClassLine } from './version-class.tsx'
import { VersionDiff } from './version-diff.tsx'

const tabs = [
  { name: 'life', title: 'Life and coverage' },
  { name: 'picture', title: 'Behaviour' },
  { name: 'list', title: 'All behaviours' },
  { name: 'delta', title: 'Compare versions' },
] as const

const lookMs = 10_000

/** `image`: a repository, or `repository@digest`. */
export function ImagePage({
  images,
  image,
  tab,
  other,
}: {
  readonly images: readonly LineageView[] | undefined
  readonly image: string
  readonly tab: string
  readonly other: string
}) {
  const { repository, digest } = splitRef(image)
  const shown = tabs.find(({ name }) => name === tab)?.name ?? 'life'
  // The quality is computed from all the evidence: request it only where it is shown.
  const path = shown === 'life' ? imagePath(repository) : undefined
  const lineage = useResource<LineageView>(path, lookMs)
  const lives = useResource<readonly LifeView[]>(imagePath(repository, '/life'), lookMs)
  const known = images?.find((each) => each.repository === repository)
  const versions = (lineage.value ?? known)?.versions ?? []
  const version = versions.find((each) => each.image.digest === digest) ?? versions.at(-1)
  useKeys(
    'Image',
    tabs.map(({ name, title }, i) => ({
      keys: String(i + 1),
      does: title.toLowerCase(),
      run: () => go(link('image', image, name)),
    })),
  )
  return (
    <div class="view image">
      <header class="view-head">
        <p class="crumb">
          <a href="#/images">Images</a>
        </p>
        <h1>
          <Foreign text={repository} />
        </h1>
        {version === undefined ? null : (
          <VersionChoice
            repository={repository}
            versions={versions}
            version={version}
            tab={shown}
          />
        )}
        <nav class="tabs" aria-label="parts of this image">
          {tabs.map(({ name, title }, i) => (
            <a
              key={name}
              href={link('image', image, name)}
              aria-current={name === shown ? 'page' : undefined}
              title={`key ${i + 1}`}
            >
              {title}
            </a>
          ))}
        </nav>
      </header>
      {lineage.problem === undefined ? null : <ProblemNote problem={lineage.problem} />}
      {version === undefined ? (
        lineage.loading || images === undefined ? (
          <Waiting rows={6} />
        ) : null
      ) : shown === 'picture' ? (
        <BehaviourPicture version={refOf(version)} />
      ) : shown === 'list' ? (
        <BehaviourList key={refOf(version)} version={refOf(version)} actor={other} />
      ) : shown === 'delta' ? (
        <VersionDiff versions={versions} version={version} other={other} />
      ) : (
        <>
          <Panel title="Line of life">
            {lives.value === undefined ? (
              <Waiting rows={2} />
            ) : (
              <LifeLines lives={lives.value} shown={refOf(version)} />
            )}
            <VersionActions version={version} />
            <VersionClassLine version={version} />
            {version.notes.map((note) => (
              <p key={note} class="muted">
                <Foreign text={note} words />
              </p>
            ))}
          </Panel>
          <CoveragePanel version={version} />
          {version.root === undefined ? null : <RootPanel root={version.root} />}
          {version.scan === undefined ? null : <FindingsPanel scan={version.scan} />}
        </>
      )}
    </div>
  )
}

function VersionChoice({
  repository,
  versions,
  version,
  tab,
}: {
  readonly repository: string
  readonly versions: readonly VersionView[]
  readonly version: VersionView
  readonly tab: string
}) {
  return (
    <p class="version-choice">
      <label>
        version{' '}
        <select
          value={version.image.digest}
          onChange={({ currentTarget }) =>
            go(link('image', `${repository}@${currentTarget.value}`, tab))
          }
        >
          {versions.toReversed().map(({ image, tags }) => (
            <option key={image.digest} value={image.digest}>
              {versionName(tags, image.digest)} · {image.digest.slice(7, 19)}
            </option>
          ))}
        </select>
      </label>
      <StageBadge state={version.state} mode={version.mode} />
    </p>
  )
}
