import { client, scratch } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, prose, stem, user } from '../words.ts'

const start = `for name in site tools; do
  [ -d "/srv/git/$name.git" ] || git init -q --bare -b main "/srv/git/$name.git"
done
exec /usr/bin/git daemon --listen=0.0.0.0 --enable=receive-pack --base-path=/srv/git --export-all --timeout=20`

async function push(at: Place, load: LoadName, files: number, repository: string): Promise<void> {
  const content = Object.fromEntries(
    Array.from({ length: files }, () => [
      `${stem(load)}.txt`,
      load === 'A' ? Buffer.from(prose('A')) : bytes('B'),
    ]),
  )
  await using folder = await scratch(content)
  const git = (...args: readonly string[]): Promise<string> => {
    const who = ['-c', `user.name=${user(load)}`, '-c', 'user.email=x@example.org']
    return client(['git', '-C', folder.path, ...who, ...args])
  }
  await git('init', '-q', '-b', `${user(load)}/${stem(load)}`)
  await git('add', '.')
  await git('commit', '-q', '-m', stem(load))
  await git('push', '-q', `git://${at.address}/${repository}.git`, 'HEAD')
}

/** Repositories that a team pushes branches to; objects are files named by digest. */
export const gitDaemon: Service = {
  name: 'git-daemon',
  kind: 'job',
  packages: [],
  uses: ['git'],
  build: ['install -d -o www-data /srv/git'],
  user: 'www-data',
  start,
  port: 9418,
  data: '/srv/git',
  load: {
    A: async (at) => {
      await push(at, 'A', 2, 'site')
      await client(['git', 'ls-remote', `git://${at.address}/site.git`])
    },
    B: async (at) => {
      await push(at, 'B', 5, 'tools')
      await using folder = await scratch({})
      const url = `git://${at.address}/tools.git`
      await client(['git', 'clone', '-q', '--no-checkout', url, `${folder.path}/c`])
      await client(['git', 'ls-remote', `git://${at.address}/none.git`], { exits: [128] })
    },
  },
}
