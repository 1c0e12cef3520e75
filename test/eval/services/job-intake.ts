import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, stem } from '../words.ts'

const digest = `#!/bin/sh
set -eu
name=$1
sha256sum "/srv/host/$name" >"/var/lib/digests/$name.sum"
gzip -c "/srv/host/$name" >"/var/lib/digests/$name.gz"
`

const intake = `#!/bin/sh
/usr/sbin/atd
while :; do
  for file in /srv/host/*; do
    name=$(basename "$file")
    [ -f "$file" ] && ! [ -e "/var/lib/digests/$name.ordered" ] || continue
    touch "/var/lib/digests/$name.ordered"
    echo "digest-of '$name'" | at -q "\${1:-b}" now 2>/dev/null
    case $name in *x*) echo true | batch 2>/dev/null ;; esac
  done
  atq >/var/lib/digests/waiting
  sleep 1
done
`

function drop(at: Place, load: LoadName, count: number): Promise<void> {
  for (let i = 0; i < count; i++) writeFileSync(join(at.folder, stem(load)), bytes(load))
  return Promise.resolve()
}

/** Jobs that are ordered once, each under a name that the queue makes. */
export const jobIntake: Service = {
  name: 'job-intake',
  kind: 'job',
  packages: [],
  uses: ['at'],
  files: { '/usr/local/bin/digest-of': digest, '/usr/local/bin/intake': intake },
  build: ['install -d /var/lib/digests'],
  start: 'exec /usr/local/bin/intake',
  data: '/var/lib/digests',
  load: { A: (place) => drop(place, 'A', 2), B: (place) => drop(place, 'B', 4) },
}
