import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { LoadName, Place, Service } from '../service.ts'
import { pick, prose, stem, word } from '../words.ts'

const worker = `#!/bin/sh
while :; do
  for job in /srv/host/*.job; do
    [ -d "$job" ] || continue
    work=$(mktemp -d /var/lib/packages/work.XXXXXX)
    cp -r "$job" "$work/source"
    if (cd "$work/source" && dpkg-buildpackage -us -uc -b -d) >"$work/log" 2>&1; then
      mv "$work"/*.deb /var/lib/packages/
    fi
    gzip -c "$work/log" >"/var/lib/packages/$(basename "$job" .job).log.gz"
    rm -rf "$work" "$job"
  done
  sleep 1
done
`

const rules = `#!/usr/bin/make -f
build build-arch build-indep:
	$(MAKE) program
program: $(patsubst %.c,%.o,$(wildcard *.c))
	$(CC) -o $@ $^
clean:
	rm -f program *.o
binary: binary-arch
binary-arch: build
	install -D program debian/tmp/usr/bin/$(shell dpkg-parsechangelog -S Source)
	install -d debian/tmp/DEBIAN
	dpkg-gencontrol
	dpkg-deb --root-owner-group --build debian/tmp ..
binary-indep:
.PHONY: build build-arch build-indep clean binary binary-arch binary-indep
`

function control(name: string): string {
  return `Source: ${name}
Maintainer: Some Body <somebody@example.org>
Standards-Version: 4.7.0

Package: ${name}
Architecture: any
Description: a program
`
}

function changelog(name: string, changes: string): string {
  return `${name} (1.0) unstable; urgency=low

  * ${changes}

 -- Some Body <somebody@example.org>  Fri, 01 May 2026 10:00:00 +0000
`
}

/** A folder of sources, which comes by a rename: the worker never sees half of it. */
function order(at: Place, load: LoadName, files: number, isBroken: boolean): Promise<void> {
  const name = stem(load).toLowerCase().replaceAll('_', '-')
  const [draft, job] = [join(at.folder, 'draft'), join(at.folder, `${name}.job`)]
  if (existsSync(job)) return Promise.resolve()
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(draft, path)), { recursive: true })
    writeFileSync(join(draft, path), text, { mode: text.startsWith('#!') ? 0o755 : 0o644 })
  }
  put('debian/control', control(name))
  put('debian/changelog', changelog(name, prose('A').slice(0, 60)))
  put('debian/rules', rules)
  put('main.c', isBroken ? 'int main(' : '#include <stdio.h>\nint main(void) { puts("on"); }\n')
  const header = pick(load === 'A' ? ['stdlib.h', 'string.h'] : ['unistd.h', 'errno.h', 'math.h'])
  for (let i = 0; i < files; i++) {
    put(`${word()}.c`, `#include <${header}>\nint number_${i}(void) { return ${i}; }\n`)
  }
  renameSync(draft, job)
  return Promise.resolve()
}

/** A worker that builds packages: a compiler, make, and many small tools for each job. */
export const dpkgBuildpackage: Service = {
  name: 'dpkg-buildpackage',
  kind: 'job',
  packages: ['dpkg-dev'],
  uses: ['gcc', 'make', 'libc6-dev'],
  files: { '/usr/local/bin/package-worker': worker },
  build: ['install -d -o www-data /var/lib/packages'],
  user: 'www-data',
  start: 'exec /usr/local/bin/package-worker',
  data: '/var/lib/packages',
  load: {
    A: (at) => order(at, 'A', 1, false),
    B: async (at) => {
      await order(at, 'B', 4, false)
      await order(at, 'B', 1, true)
    },
  },
}
