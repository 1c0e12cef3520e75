import { expectStatus, signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { bytes, prose, stem } from '../words.ts'

const config = `global
  maxconn 500
  user haproxy
  group haproxy
  stats socket /run/haproxy/admin.sock mode 660 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  errorfile 503 /etc/haproxy/errors/503.http
frontend public
  bind :80
  use_backend none if { path_beg /gone }
  stats uri /stats
  default_backend pages
backend pages
  balance leastconn
  server one 127.0.0.1:8001 check inter 1s
  server two 127.0.0.1:8002 check inter 1s
backend none
  server three 127.0.0.1:8003
listen one
  bind 127.0.0.1:8001
  http-request return status 200 content-type text/plain lf-string "one %[path]"
listen two
  bind 127.0.0.1:8002
  http-request return status 200 content-type text/plain file /etc/haproxy/two.txt
`

/** A load balancer before two servers, which are its own. */
export const haproxy: Service = {
  name: 'haproxy',
  kind: 'web',
  packages: ['haproxy'],
  files: { '/etc/haproxy/haproxy.cfg': config, '/etc/haproxy/two.txt': 'two\n' },
  build: ['install -d -o haproxy /run/haproxy'],
  start: 'exec /usr/sbin/haproxy -W -db -f /etc/haproxy/haproxy.cfg',
  port: 80,
  data: '/var/lib/haproxy',
  load: {
    A: async (at) => {
      for (let i = 0; i < 10; i++) await expectStatus(200, at, `/${stem('A')}`)
      await expectStatus(200, at, '/form', { method: 'POST', body: prose('A') })
    },
    B: async (at) => {
      await Promise.all(
        Array.from({ length: 20 }, () => expectStatus(200, at, `/${stem('B')}?id=${stem('B')}`)),
      )
      await expectStatus(200, at, '/form', { method: 'POST', body: bytes('B') })
      await expectStatus(503, at, '/gone')
      await expectStatus(200, at, '/stats;csv')
    },
  },
  maintain: (at) => signal(at, 'USR2'),
}
