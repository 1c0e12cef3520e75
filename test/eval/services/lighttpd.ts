import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expectStatus, signal } from '../clients.ts'
import type { LoadName, Place, Service } from '../service.ts'
import { bytes, prose, stem } from '../words.ts'

const config = `server.document-root = "/srv/host/site"
server.port = 80
server.username = "www-data"
server.groupname = "www-data"
server.errorlog = "/var/log/lighttpd/error.log"
server.upload-dirs = ("/var/cache/lighttpd/uploads")
server.modules = ("mod_access", "mod_accesslog", "mod_alias", "mod_cgi", "mod_deflate")
accesslog.filename = "/var/log/lighttpd/access.log"
mimetype.assign = (".html" => "text/html", ".txt" => "text/plain", ".css" => "text/css")
deflate.cache-dir = "/var/cache/lighttpd/compress"
deflate.mimetypes = ("text/html", "text/plain")
alias.url += ("/cgi/" => "/usr/lib/cgi-bin/")
$HTTP["url"] =~ "^/cgi/" { cgi.assign = ("" => "") }
`

const comment = `#!/bin/sh
file=$(mktemp /var/lib/comments/comment-XXXXXX)
cat >"$file"
printf 'Content-Type: text/plain\\n\\n%s comments\\n' "$(ls /var/lib/comments | wc -l)"
`

function publish(at: Place, load: LoadName, count: number): readonly string[] {
  const site = join(at.folder, 'site')
  mkdirSync(site, { recursive: true })
  return Array.from({ length: count }, (_, i) => {
    const name = `${stem(load)}.${i % 2 === 0 ? 'html' : 'txt'}`
    writeFileSync(join(site, name), `<p>${prose(load)}`)
    return name
  })
}

/** Static pages that editors publish, compressed ones kept, and comments by a CGI script. */
export const lighttpd: Service = {
  name: 'lighttpd',
  kind: 'web',
  packages: ['lighttpd'],
  files: { '/etc/lighttpd/lighttpd.conf': config, '/usr/lib/cgi-bin/comment': comment },
  build: [
    'install -d -o www-data /var/lib/comments /var/cache/lighttpd/compress /var/cache/lighttpd/uploads /run/lighttpd',
  ],
  start: 'exec /usr/sbin/lighttpd -D -f /etc/lighttpd/lighttpd.conf',
  port: 80,
  data: '/var/lib/comments',
  load: {
    A: async (at) => {
      const headers = { 'accept-encoding': 'gzip' }
      for (const name of publish(at, 'A', 4)) await expectStatus(200, at, `/${name}`, { headers })
      await expectStatus(200, at, '/cgi/comment', { method: 'POST', body: prose('A') })
    },
    B: async (at) => {
      for (const name of publish(at, 'B', 6)) await expectStatus(200, at, `/${name}`)
      await expectStatus(404, at, `/${stem('B')}.html`)
      await expectStatus(200, at, '/cgi/comment', { method: 'POST', body: bytes('B') })
    },
  },
  maintain: (at) => signal(at, 'HUP'),
}
