import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem, user } from '../words.ts'

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

/** A folder of files, which comes by a rename: the worker never sees half of it. */
function order(at: Place, load: LoadName, files: number): Promise<void> {
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.job`)]
  if (existsSync(job)) return Promise.resolve()
  mkdirSync(draft, { recursive: true })
  writeFileSync(join(draft, 'owner'), user(load))
  for (let i = 0; i < files; i++)
    writeFileSync(join(draft, `${stem(load)}.${pick(['txt', 'db', 'tar'])}`), bytes(load))
  renameSync(draft, job)
  return Promise.resolve()
}

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
    A: (at) => order(at, 'A', 3),
    B: (at) => order(at, 'B', 6),
  },
}
