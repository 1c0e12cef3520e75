import { client, scratch } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem, user } from '../words.ts'

const start = `for name in docs site; do
  [ -d "/srv/svn/$name" ] || { svnadmin create "/srv/svn/$name" && printf '[general]\\nanon-access = write\\n' >"/srv/svn/$name/conf/svnserve.conf"; }
done
exec /usr/bin/svnserve -d --foreground --listen-host 0.0.0.0 -r /srv/svn`

const home = ['--config-dir', '/tmp/svn', '--non-interactive', '--no-auth-cache']

async function bring(
  at: Place,
  load: LoadName,
  repository: string,
  count: number,
): Promise<string> {
  const files = Object.fromEntries(
    Array.from({ length: count }, () => [
      `${stem(load)}.${pick(['txt', 'md', 'png'])}`,
      bytes(load),
    ]),
  )
  await using folder = await scratch(files)
  const target = `svn://${at.address}/${repository}/${user(load)}-${stem(load)}`
  await client(['svn', ...home, 'import', '-q', '-m', stem(load), folder.path, target], {
    exits: [0, 1],
  })
  return target
}

/** Repositories: a file for each revision, and a process for each connection. */
export const subversion: Service = {
  name: 'subversion',
  kind: 'job',
  packages: ['subversion'],
  build: ['install -d -o www-data /srv/svn'],
  user: 'www-data',
  start,
  port: 3690,
  data: '/srv/svn',
  load: {
    A: async (at) => {
      await bring(at, 'A', 'docs', 2)
      await client(['svn', ...home, 'list', `svn://${at.address}/docs`])
    },
    B: async (at) => {
      const target = await bring(at, 'B', 'site', 5)
      const copy = `${target}-copy`
      await client(['svn', ...home, 'copy', '-q', '-m', 'a copy', target, copy])
      await client(['svn', ...home, 'log', `svn://${at.address}/site`])
      await client(['svn', ...home, 'delete', '-q', '-m', 'not needed', copy])
      await client(['svn', ...home, 'list', `svn://${at.address}/none`], { exits: [1] })
    },
  },
}
