import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem } from '../words.ts'

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

/** A folder of files, which comes by a rename: the worker never sees half of it. */
function order(at: Place, load: LoadName, files: number): Promise<void> {
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.job`)]
  if (existsSync(job)) return Promise.resolve()
  for (let i = 0; i < files; i++) {
    const folder = join(draft, load === 'A' ? '' : stem(load))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${stem(load)}.${pick(['txt', 'dat', 'csv'])}`), bytes(load))
  }
  renameSync(draft, job)
  return Promise.resolve()
}

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
    A: (at) => order(at, 'A', 4),
    B: (at) => order(at, 'B', 8),
  },
}
