import { order } from '../orders.ts'
import type { Service } from '../service.ts'

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
    A: (at) => order(at, 'A', { files: 4, extensions: ['txt', 'ini', 'csv', 'sh'] }),
    B: (at) => order(at, 'B', { files: 8, extensions: ['txt', 'ini', 'csv', 'sh'] }),
  },
}
