import { order } from '../orders.ts'
import type { Service } from '../service.ts'
import { user } from '../words.ts'

const worker = `#!/bin/sh
export HOME=/var/lib/patches DARCS_EMAIL=builder@example.org
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    owner=$(cat "$job/owner"); rm "$job/owner"
    [ -d "/srv/trees/$owner" ] || darcs init -q "/srv/trees/$owner"
    cp -r "$job/." "/srv/trees/$owner/"
    (cd "/srv/trees/$owner" && darcs record -q -a -l -m "$(basename "$job" .job)") || true
    case $job in
      *x*) (cd "/srv/trees/$owner" && darcs tag -q "$(basename "$job" .job)") ;;
      *v*) rm -rf "/srv/trees/$owner-copy" && darcs clone -q "/srv/trees/$owner" "/srv/trees/$owner-copy" ;;
    esac
    rm -rf "$job"
  done
  sleep 1
done
`

const extensions = ['txt', 'py', 'conf', 'md']

/** A worker that records the changes of people in trees of theirs. */
export const darcs: Service = {
  name: 'darcs',
  kind: 'job',
  packages: ['darcs'],
  files: { '/usr/local/bin/tree-recorder': worker },
  build: ['install -d -o www-data /srv/trees /var/lib/patches'],
  user: 'www-data',
  start: 'exec /usr/local/bin/tree-recorder',
  data: '/srv/trees',
  load: {
    A: (at) => order(at, 'A', { files: 3, extensions, folder: () => 'src', owner: user('A') }),
    B: (at) => order(at, 'B', { files: 6, extensions, owner: user('B') }),
  },
}
