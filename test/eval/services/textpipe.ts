import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { prose, stem, user } from '../words.ts'

const worker = `#!/bin/bash
set -u
cd /var/lib/textpipe
while :; do
  for file in /srv/host/*.ndjson; do
    [ -f "$file" ] || continue
    name=$(basename "$file" .ndjson)
    if jq -r '[.who, .text] | @tsv' "$file" 2>>errors.log |
      tee >(cut -f1 | sort | uniq -c | sort -rn >"counts/$name.txt") |
      tr 'a-z' 'A-Z' | sort -u -T /var/tmp | gzip -9 >"done/$name.tsv.gz.part"; then
      mv "done/$name.tsv.gz.part" "done/$name.tsv.gz"
    fi
    rm -f "$file"
  done
  find done -name '*.gz' -mmin +5 -delete
  sleep 1
done
`

function order(at: Place, load: LoadName, lines: number): Promise<void> {
  const draft = join(at.folder, 'draft')
  const rows = Array.from({ length: lines }, () =>
    JSON.stringify({ who: user(load), text: prose(load) }),
  )
  if (load === 'B' && lines % 2 === 0) rows.push('{ broken')
  writeFileSync(draft, rows.join('\n'))
  renameSync(draft, join(at.folder, `${stem(load)}.ndjson`))
  return Promise.resolve()
}

/** A pipeline of small programs over files that come in. */
export const textpipe: Service = {
  name: 'textpipe',
  kind: 'job',
  packages: [],
  uses: ['jq'],
  files: { '/usr/local/bin/textpipe': worker },
  build: ['install -d /var/lib/textpipe /var/lib/textpipe/counts /var/lib/textpipe/done'],
  start: 'exec /usr/local/bin/textpipe',
  data: '/var/lib/textpipe/done',
  load: {
    A: (at) => order(at, 'A', 20),
    B: async (at) => {
      await order(at, 'B', 300)
      await order(at, 'B', 7)
    },
  },
}
