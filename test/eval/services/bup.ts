import { order } from '../orders.ts'
import type { Service } from '../service.ts'
import { user } from '../words.ts'

const worker = `#!/bin/sh
export BUP_DIR=/srv/packs HOME=/var/lib/packs
[ -d /srv/packs/objects ] || bup init
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    owner=$(cat "$job/owner")
    bup index "$job" && bup save -q -n "$owner" --strip "$job" || true
    case $job in
      *x*) bup fsck -g || true ;;
      *v*) bup ls "$owner/latest" >"/srv/lists/$owner.txt" ;;
    esac
    rm -rf "$job"
  done
  sleep 1
done
`

const extensions = ['txt', 'db', 'tar']

/** A worker that keeps copies of folders in packs, a branch for each owner. */
export const bup: Service = {
  name: 'bup',
  kind: 'job',
  packages: ['bup'],
  files: { '/usr/local/bin/pack-keeper': worker },
  build: ['install -d -o backup /srv/packs /srv/lists /var/lib/packs'],
  user: 'backup',
  start: 'exec /usr/local/bin/pack-keeper',
  data: '/srv/packs',
  load: {
    A: (at) => order(at, 'A', { files: 3, extensions, folder: () => '', owner: user('A') }),
    B: (at) => order(at, 'B', { files: 6, extensions, folder: () => '', owner: user('B') }),
  },
}
