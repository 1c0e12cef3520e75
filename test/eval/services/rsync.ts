import { client, scratch } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem, user } from '../words.ts'

const config = `uid = nobody
gid = nogroup
use chroot = no
reverse lookup = no
log file = /var/log/rsyncd.log
[files]
  path = /srv/mirror
  read only = no
[locked]
  path = /srv/mirror
  auth users = somebody
  secrets file = /etc/rsyncd.secrets
`

async function send(at: Place, load: LoadName, count: number, more: readonly string[]) {
  const files = Object.fromEntries(
    Array.from({ length: count }, () => [
      `${load === 'A' ? '' : `${stem(load)}/`}${stem(load)}.${pick(['txt', 'dat', 'csv'])}`,
      bytes(load),
    ]),
  )
  await using folder = await scratch(files)
  const target = `rsync://${at.address}/files/${user(load)}/`
  await client(['rsync', '-a', '--timeout=10', ...more, `${folder.path}/`, target])
}

/** A mirror that clients push to and pull from. */
export const rsync: Service = {
  name: 'rsync',
  kind: 'job',
  packages: ['rsync'],
  files: { '/etc/rsyncd.conf': config, '/etc/rsyncd.secrets': 'somebody:secret\n' },
  build: ['chmod 600 /etc/rsyncd.secrets', 'install -d -o nobody -g nogroup /srv/mirror'],
  start: 'exec /usr/bin/rsync --daemon --no-detach --config=/etc/rsyncd.conf',
  port: 873,
  data: '/srv/mirror',
  load: {
    A: async (at) => {
      await send(at, 'A', 5, [])
      await client(['rsync', `rsync://${at.address}/files/`])
    },
    B: async (at) => {
      await send(at, 'B', 8, ['-z', '--delete'])
      await client(['rsync', '-r', '-n', `rsync://${at.address}/files/`, '/tmp/pulled/'])
      const stranger = ['rsync', '--password-file=/dev/null', `rsync://${at.address}/locked/`]
      await client(stranger, { exits: [1, 5] })
    },
  },
}
