import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { stem, word } from '../words.ts'

const makefile = `SOURCES := $(wildcard *.c)
all: lib.a
%.o: %.c
\ttcc -c -o $@ $<
lib.a: $(SOURCES:.c=.o)
\ttcc -ar rcs $@ $^
\ttcc -shared -o lib.so $^
`

const worker = `#!/bin/sh
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    name=$(basename "$job" .job)
    work=$(mktemp -d /var/lib/builds/work.XXXXXX)
    cp "$job"/*.c "$work"
    if make -s -C "$work" -f /etc/builds.mk >"/var/lib/builds/$name.log" 2>&1; then
      cp "$work/lib.so" "/var/lib/builds/$name.so"
    fi
    rm -rf "$work" "$job"
  done
  sleep 1
done
`

/** A folder of sources, which comes by a rename: the worker never sees half of it. */
function order(at: Place, load: LoadName, files: number, isBroken: boolean): Promise<void> {
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${stem(load)}.job`)]
  if (existsSync(job)) return Promise.resolve()
  mkdirSync(draft)
  for (let i = 0; i < files; i++) {
    const name = word()
    const text = isBroken ? `int ${name}(` : `int ${name}(int n) { return n + ${i}; }\n`
    writeFileSync(join(draft, `${name}.c`), text)
  }
  renameSync(draft, job)
  return Promise.resolve()
}

/** A build worker: make, a compiler, a folder for each job. */
export const tcc: Service = {
  name: 'tcc',
  kind: 'job',
  packages: ['tcc'],
  uses: ['make', 'libc6-dev'],
  files: { '/etc/builds.mk': makefile, '/usr/local/bin/build-worker': worker },
  build: ['install -d -o www-data /var/lib/builds'],
  start: 'exec /usr/local/bin/build-worker',
  data: '/var/lib/builds',
  load: {
    A: (at) => order(at, 'A', 2, false),
    B: async (at) => {
      await order(at, 'B', 5, false)
      await order(at, 'B', 1, true)
    },
  },
}
