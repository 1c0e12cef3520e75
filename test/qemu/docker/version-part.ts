import type Docker from 'dockerode'
import type { ProfileDiff, ProfileView } from '../../../src/api/profile-views.ts'
import type { LineageView } from '../../../src/api/version-views.ts'
import { removeContainer, startContainer } from '../../fixtures/containers.ts'
import { importFiles } from './images.ts'
import { logOf, type Setting, type Tried, tryContainer } from './setting.ts'

export const firstVersion = 'shop:1'
const secondVersion = 'shop:2'

export interface VersionStory {
  readonly firstMode: string | undefined
  readonly secondMode: string | undefined
  readonly isPredecessor: boolean
  /** The second version's new behaviours. */
  readonly added: readonly string[]
  /** What the second version printed: it is learned, and not blocked. */
  readonly printed: string
  /** A new container of the first version, with a first program and a file that its profile does not have. */
  readonly refused: Tried
  /** The first version's container, all the time. */
  readonly running: boolean
}

/** A service of one program that reads files; the second version has another program, and one more file. */
export async function makeVersions(docker: Docker): Promise<void> {
  for (const [name, program, files] of [
    [firstVersion, 'cat', ['/app/shop.conf']],
    [secondVersion, 'head', ['/app/shop.conf', '/app/payment.conf']],
  ] as const) {
    await importFiles(docker, name, {
      programs: { 'bin/busybox': '/bin/busybox', [`app/${program}`]: '/bin/busybox' },
      links: { 'bin/sh': 'busybox', 'bin/sleep': 'busybox' },
      texts: {
        'app/run': `#!/bin/sh\nwhile true; do\n  /app/${program} ${files.join(' ')}\n  sleep 0.2\ndone\n`,
        'etc/motd': 'hello\n',
        ...Object.fromEntries(files.map((file) => [file, `of ${file}\n`])),
      },
    })
  }
}

export async function learnVersion(docker: Docker, { agent }: Setting): Promise<Docker.Container> {
  const container = await startContainer(docker, firstVersion, ['/app/run'])
  await agent.until<ProfileView>(['profile', 'show', firstVersion], does('busybox as sleep'))
  return container
}

/** The first version blocks. */
export async function versionPart(
  { docker, agent }: Setting,
  first: Docker.Container,
): Promise<VersionStory> {
  const digestOf = async (name: string): Promise<string> =>
    (await docker.getImage(name).inspect()).Id
  const [firstDigest, secondDigest] = [await digestOf(firstVersion), await digestOf(secondVersion)]
  const second = await startContainer(docker, secondVersion, ['/app/run'])
  const refused = await tryContainer(docker, firstVersion, ['/app/cat', '/etc/motd'])
  try {
    await agent.until<ProfileView>(['profile', 'show', secondVersion], does('/app/payment.conf'))
    const { versions } = await agent.json<LineageView>(['image', 'show', 'shop'])
    const of = (digest: string): LineageView['versions'][number] | undefined =>
      versions.find(({ image }) => image.digest === digest)
    const { added } = await agent.json<ProfileDiff>([
      'profile',
      'diff',
      firstVersion,
      secondVersion,
    ])
    const { State } = await first.inspect()
    return {
      firstMode: of(firstDigest)?.mode,
      secondMode: of(secondDigest)?.mode,
      isPredecessor: of(secondDigest)?.predecessor === firstDigest,
      added: added.map(({ text }) => text),
      printed: await logOf(second),
      refused,
      running: State.Running,
    }
  } finally {
    for (const container of [first, second]) await removeContainer(container)
  }
}

function does(what: string): (profile: ProfileView) => boolean {
  return ({ behaviours }) => behaviours.some(({ text }) => text.includes(what))
}
