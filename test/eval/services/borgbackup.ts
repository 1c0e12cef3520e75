import { order } from '../orders.ts'
import type { Service } from '../service.ts'

const worker = `#!/bin/sh
export BORG_REPO=/srv/kept BORG_BASE_DIR=/var/lib/copies BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
[ -d /srv/kept/data ] || borg init --encryption=none
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    name=$(basename "$job" .job)
    (cd "$job" && borg create --compression zstd "::$name-{now:%Y%m%d%H%M%S}" .) || true
    case $name in
      *x*) borg prune --keep-last 3 && borg compact ;;
      *e*) borg check --last 1 || true ;;
    esac
    rm -rf "$job"
  done
  sleep 1
done
`

/** A worker that keeps copies of folders in segments, and takes old ones away. */
export const borgbackup: Service = {
  name: 'borgbackup',
  kind: 'job',
  packages: ['borgbackup'],
  files: { '/usr/local/bin/folder-copies': worker },
  build: ['install -d -o backup /srv/kept /var/lib/copies'],
  user: 'backup',
  start: 'exec /usr/local/bin/folder-copies',
  data: '/srv/kept',
  load: {
    A: (at) => order(at, 'A', { files: 4, extensions: ['txt', 'dat', 'csv'] }),
    B: (at) => order(at, 'B', { files: 8, extensions: ['txt', 'dat', 'csv'] }),
  },
}
