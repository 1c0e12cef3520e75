import { signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem } from '../words.ts'
import { throughProxy, tunnel } from './proxied.ts'

const config = `http_port 3128
acl tunnels method CONNECT
http_access allow all
cache_dir ufs /var/spool/squid 100 16 256
cache_mem 1 MB
maximum_object_size_in_memory 1 KB
minimum_object_size 0 KB
refresh_pattern . 60 100% 120
access_log stdio:/var/log/squid/access.log
shutdown_lifetime 1 seconds
pinger_enable off
dns_nameservers 127.0.0.1
dns_timeout 1 second
dns_retransmit_interval 1 second
visible_hostname cache
`

/** A proxy that keeps what it fetched on disk. */
export const squid: Service = {
  name: 'squid',
  kind: 'web',
  packages: ['squid'],
  files: { '/etc/squid/squid.conf': config },
  start: `rm -f /run/squid.pid
/usr/sbin/squid -N -z
rm -f /run/squid.pid
exec /usr/sbin/squid --foreground -sYC`,
  port: 3128,
  data: '/var/spool/squid',
  load: {
    A: async (at) => {
      for (let i = 0; i < 6; i++) await throughProxy(at, 3128, `http://${at.origin}/${stem('A')}`)
    },
    B: async (at) => {
      for (let i = 0; i < 12; i++) await throughProxy(at, 3128, `http://${at.origin}/${stem('B')}`)
      await throughProxy(at, 3128, `http://unknown.example/${stem('B')}`)
      await tunnel(at, 3128, at.origin)
    },
  },
  maintain: (at, load) => signal(at, load === 'A' ? 'HUP' : 'USR1'),
}
