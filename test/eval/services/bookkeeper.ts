import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { pick, stem } from '../words.ts'

const keeper = `#!/bin/sh
mkdir -p /srv/books/days
while :; do
  for booking in /srv/host/*.booking; do
    [ -f "$booking" ] || continue
    cat "$booking" >>"/srv/books/days/$(date +%F).tsv"
    rm -f "$booking"
  done
  if [ -f /srv/host/close ]; then
    rm -f /srv/host/close
    /usr/local/bin/close-books
  fi
  sleep 0.5
done
`

const closing = `#!/bin/sh
set -e
cd /srv/books
mkdir -p closed reports
for day in days/*.tsv; do
  sort -k1 "$day" >"closed/$(basename "$day")"
  awk '{ sum[$1] += $2 } END { for (i in sum) print i, sum[i] }' "$day" >reports/balance.new
done
mv reports/balance.new "reports/balance-$(date +%s).txt"
sqlite3 books.db 'create table if not exists closed (at text)' "insert into closed values ('$(date)')"
gzip -f closed/*.tsv
find reports -name 'balance-*' -mmin +60 -delete
`

function booking(at: Place, load: LoadName): Promise<void> {
  const [draft, path] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.booking`)]
  if (!existsSync(path)) {
    writeFileSync(draft, `${pick(['rent', 'wages', 'sales', 'stamps'])}\t${stem(load).length}\n`)
    renameSync(draft, path)
  }
  // The day ends only in the other load: a job that the window was too short for.
  if (load === 'B') writeFileSync(join(at.folder, 'close'), '')
  return Promise.resolve()
}

/** A worker with a job that its window does not show: the closing of a day, which runs programs of the image. */
export const bookkeeper: Service = {
  name: 'bookkeeper',
  kind: 'job',
  packages: ['sqlite3'],
  files: { '/usr/local/bin/book-keeper': keeper, '/usr/local/bin/close-books': closing },
  build: ['install -d -o www-data /srv/books'],
  user: 'www-data',
  start: 'exec /usr/local/bin/book-keeper',
  data: '/srv/books',
  load: {
    A: (at) => booking(at, 'A'),
    B: (at) => booking(at, 'B'),
  },
}
