import { expectStatus, signal, web } from '../clients.ts'
import type { Service } from '../service.ts'
import { pick, word } from '../words.ts'

const pages = `server.document-root = "/usr/share/cgit"
server.port = 80
server.username = "www-data"
server.groupname = "www-data"
server.errorlog = "/var/log/lighttpd/error.log"
server.modules = ("mod_access", "mod_alias", "mod_cgi")
mimetype.assign = (".css" => "text/css", ".png" => "image/png")
alias.url += ("/source" => "/usr/lib/cgit/cgit.cgi", "/cgit-css/" => "/usr/share/cgit/")
$HTTP["url"] =~ "^/source" { cgi.assign = ("" => "") }
`

const settings = `cache-size=100
cache-root=/var/cache/cgit
enable-index-links=1
enable-git-config=1
snapshots=tar.gz zip
scan-path=/srv/git
`

const history = `#!/bin/sh
set -e
for name in site tools; do
  git init -q -b main "/srv/draft/$name"
  cd "/srv/draft/$name"
  for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    mkdir -p "part$((i % 4))"
    echo "$name $i" >"part$((i % 4))/file$i.txt"
    git add .
    git -c user.name=x -c user.email=x@example.org commit -q -m "change $i"
    [ $((i % 3)) != 0 ] || git tag "v$i"
  done
  git clone -q --bare . "/srv/git/$name.git"
done
rm -rf /srv/draft
`

/** Pages about repositories, by CGI: a program for each page, which keeps it under a digest. */
export const cgit: Service = {
  name: 'cgit',
  kind: 'web',
  packages: ['cgit'],
  uses: ['lighttpd', 'git'],
  files: {
    '/etc/pages/server.conf': pages,
    '/etc/cgitrc': settings,
    '/srv/history.sh': history,
  },
  build: [
    'mkdir -p /srv/git /srv/draft',
    '/srv/history.sh',
    'install -d -o www-data /var/cache/cgit /run/lighttpd',
  ],
  start: 'exec /usr/sbin/lighttpd -D -f /etc/pages/server.conf',
  port: 80,
  data: '/var/cache/cgit',
  load: {
    A: async (at) => {
      await expectStatus(200, at, '/source/')
      await expectStatus(200, at, `/source/${pick(['site', 'tools'])}.git/log/`)
      await expectStatus(200, at, `/source/site.git/tree/part${pick(['0', '1'])}`)
      await web(at, '/cgit-css/cgit.css')
    },
    B: async (at) => {
      const name = pick(['site', 'tools'])
      await expectStatus(200, at, `/source/${name}.git/refs/`)
      await expectStatus(200, at, `/source/${name}.git/diff/?id=v${pick(['3', '6', '9'])}`)
      await expectStatus(200, at, `/source/${name}.git/tree/part2?h=v${pick(['6', '9', '12'])}`)
      await web(at, `/source/${name}.git/snapshot/${name}-v${pick(['3', '6'])}.tar.gz`)
      await web(at, `/source/${name}.git/plain/${word()}.txt`)
      await web(at, `/source/${word()}.git/`)
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
