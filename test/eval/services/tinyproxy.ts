import { signal } from '../clients.ts'
import type { Service } from '../service.ts'
import { stem } from '../words.ts'
import { throughProxy, tunnel } from './proxied.ts'

const config = `User tinyproxy
Group tinyproxy
Port 8888
Timeout 30
DefaultErrorFile "/usr/share/tinyproxy/default.html"
StatFile "/usr/share/tinyproxy/stats.html"
LogFile "/var/log/tinyproxy/tinyproxy.log"
LogLevel Info
MaxClients 50
Filter "/etc/tinyproxy/filter"
`

export const tinyproxy: Service = {
  name: 'tinyproxy',
  kind: 'web',
  packages: ['tinyproxy'],
  files: { '/etc/tinyproxy/tinyproxy.conf': config, '/etc/tinyproxy/filter': 'forbidden\n' },
  build: ['install -d -o tinyproxy /var/log/tinyproxy'],
  start: 'exec /usr/bin/tinyproxy -d -c /etc/tinyproxy/tinyproxy.conf',
  port: 8888,
  data: '/var/log/tinyproxy',
  load: {
    A: async (at) => {
      for (let i = 0; i < 6; i++) await throughProxy(at, 8888, `http://${at.origin}/${stem('A')}`)
    },
    B: async (at) => {
      for (let i = 0; i < 10; i++) await throughProxy(at, 8888, `http://${at.origin}/${stem('B')}`)
      await throughProxy(at, 8888, `http://forbidden.example/${stem('B')}`)
      await throughProxy(at, 8888, 'http://tinyproxy.stats/')
      await tunnel(at, 8888, at.origin)
    },
  },
  maintain: (at) => signal(at, 'USR1'),
}
