import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, pick, stem, user } from '../words.ts'

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

/** A folder of files, which comes by a rename: the worker never sees half of it. */
function order(at: Place, load: LoadName, files: number): Promise<void> {
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.job`)]
  if (existsSync(job)) return Promise.resolve()
  mkdirSync(draft, { recursive: true })
  writeFileSync(join(draft, 'owner'), user(load))
  for (let i = 0; i < files; i++) {
    const folder = join(draft, load === 'A' ? 'src' : stem(load))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, `${stem(load)}.${pick(['txt', 'py', 'conf', 'md'])}`), bytes(load))
  }
  renameSync(draft, job)
  return Promise.resolve()
}

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
    A: (at) => order(at, 'A', 3),
    B: (at) => order(at, 'B', 6),
  },
}
