import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem } from '../words.ts'

const worker = `#!/bin/sh
export RESTIC_REPOSITORY=/srv/vault RESTIC_PASSWORD_FILE=/etc/vault.key RESTIC_CACHE_DIR=/var/cache/vault
[ -f /srv/vault/config ] || restic init -q
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    name=$(basename "$job" .job)
    (cd "$job" && restic backup -q --tag "$name" .) || true
    case $name in
      *x*) restic forget -q --keep-last 3 --prune ;;
      *e*) restic check -q || true ;;
      *m*) restic restore -q latest --target "/srv/restored/$name" ;;
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
    writeFileSync(join(folder, `${stem(load)}.${pick(['txt', 'ini', 'csv', 'sh'])}`), bytes(load))
  }
  renameSync(draft, job)
  return Promise.resolve()
}

/** A worker that keeps encrypted copies of folders in files by hash, and restores some. */
export const restic: Service = {
  name: 'restic',
  kind: 'job',
  packages: ['restic'],
  files: { '/usr/local/bin/vault-keeper': worker },
  build: [
    'install -d -o backup /srv/vault /srv/restored /var/cache/vault',
    'head -c 18 /dev/urandom | base64 >/etc/vault.key',
    'chown backup /etc/vault.key',
  ],
  user: 'backup',
  start: 'exec /usr/local/bin/vault-keeper',
  data: '/srv/vault',
  load: {
    A: (at) => order(at, 'A', 4),
    B: (at) => order(at, 'B', 8),
  },
}
